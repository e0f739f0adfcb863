"""ControlNets and T2I-Adapters beside one resident model (arXiv:2302.05543, arXiv:2302.08453)."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import diffusers
import torch
from diffusers import ControlNetModel, ControlNetUnionModel, FluxControlNetModel, SD3ControlNetModel, T2IAdapter
from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint
from safetensors.torch import load_file
from torch.utils import _pytree as pytree

from core.catalog.adapter import AdapterRow
from core.catalog.catalog import Catalog
from core.catalog.tensor_info import CheckpointError
from worker.pipelines.adapter_cache import AdapterCache
from worker.pipelines.row_padding import let_rows_wrap
from worker.pipelines.weights import check_weights, is_safetensors

MAX_BYTES: Final = 4 * 2**30
"""Of all that no request uses."""

TELLING: Final = (
    "cross_attention_dim",
    "block_out_channels",
    "num_attention_heads",
    "attention_head_dim",
    "joint_attention_dim",
    "pooled_projection_dim",
    "addition_embed_type",
)
"""What of a denoiser's configuration must be that of its ControlNet, where both have it."""

LATENTS: Final = 4
"""Channels of the latents of Stable Diffusion."""

SCALED_OUTSIDE: Final = (ControlNetModel, FluxControlNetModel, SD3ControlNetModel)
"""What comes of these is as strong as it is asked to be by one product at the end."""


@dataclass(eq=False, frozen=True)
class ControlNet:
    """One that is read: `module` is diffusers' own."""

    row: AdapterRow
    module: Any
    size_bytes: int

    @property
    def component(self) -> str:
        """What pipelines call it."""
        return "adapter" if isinstance(self.module, T2IAdapter) else "controlnet"

    @property
    def is_union(self) -> bool:
        """Whether it does several kinds of control, and must be told which."""
        return isinstance(self.module, ControlNetUnionModel) or bool(getattr(self.module, "union", False))


class ControlNets(AdapterCache[ControlNet]):
    """Those that the catalogue has for `pipeline`."""

    def __init__(
        self,
        pipeline: Any,  # noqa: ANN401 - any diffusers pipeline
        device: torch.device,
        catalog: Callable[[], Catalog],
        *,
        local_only: bool,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        super().__init__(catalog, max_bytes, local_only=local_only)
        self._pipeline = pipeline
        self._device = device

    def read(self, row: AdapterRow, place: Path) -> ControlNet:
        denoiser = denoiser_of(self._pipeline)
        dtype = denoiser.dtype
        module: Any = from_folder(row, place, dtype) if place.is_dir() else from_file(row, place, denoiser)
        if (row.kind == "t2i-adapter") != isinstance(module, T2IAdapter):
            raise CheckpointError(f"'{row.id}' is a {type(module).__name__}, and its row says that it is a {row.kind}")
        check_fits(row, module, denoiser)
        module.requires_grad_(False).eval().to(device=self._device, dtype=dtype)
        if isinstance(module, SCALED_OUTSIDE):
            scale_outside(cast("torch.nn.Module", module))
        let_rows_wrap(module)
        return ControlNet(row, module, sum(weight.nbytes for weight in module.parameters()))


def denoiser_of(pipeline: Any) -> Any:  # noqa: ANN401
    """Its UNet or transformer."""
    return getattr(pipeline, "unet", None) or pipeline.transformer


def from_folder(row: AdapterRow, folder: Path, dtype: torch.dtype) -> Any:  # noqa: ANN401 - a model of diffusers
    """What a folder of diffusers holds. Raises CheckpointError for one of something else."""
    check_weights(folder)
    try:
        told = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = getattr(diffusers, str(told["_class_name"]), None)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"the {row.kind} '{row.id}': {folder} has no config.json that names its class") from error
    if kind is None or not ("ControlNet" in kind.__name__ or kind is T2IAdapter):
        raise CheckpointError(f"'{row.id}' is no {row.kind}: its config.json says {str(told['_class_name'])[:60]!r}")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`FluxPosEmbed` is deprecated")  # in diffusers' own ControlNet for FLUX
        return kind.from_pretrained(folder, dtype=dtype, use_safetensors=True, local_files_only=True)


def from_file(row: AdapterRow, file: Path, denoiser: Any) -> Any:  # noqa: ANN401
    """A ControlNet of Stable Diffusion's in one file, in the original layout or diffusers', for models as `denoiser`.

    Its own shapes are those of the UNet that it was made from, so nothing else is needed. Raises CheckpointError.
    """
    if not is_safetensors(file):
        raise CheckpointError(f"the {row.kind} '{row.id}' is not safetensors, whatever its name says")
    if row.kind != "controlnet" or not isinstance(denoiser, diffusers.UNet2DConditionModel):
        raise CheckpointError(
            f"the {row.kind} '{row.id}' is one file, and its configuration is needed too: name the folder of diffusers "
            "that has both"
        )
    tensors = load_file(file)
    first = next((key for key in tensors if key.endswith("input_hint_block.0.weight")), None)
    hint = "controlnet_cond_embedding.conv_in.weight"
    if first is None and hint not in tensors:
        raise CheckpointError(f"'{row.id}' is no ControlNet of Stable Diffusion's: it has no layer for a picture")
    stock: Any = ControlNetModel
    made = stock.from_unet(denoiser, conditioning_embedding_out_channels=widths(tensors), load_weights_from_unet=False)
    if made.config["in_channels"] != LATENTS:  # of a model for inpainting, whose nets see the latents alone
        made = stock.from_config({**made.config, "in_channels": LATENTS})
    if first is not None:
        tensors = convert_controlnet_checkpoint(tensors, made.config)  # type: ignore[no-untyped-call]
    try:
        made.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        raise CheckpointError(f"the ControlNet '{row.id}' was made for another kind of model") from error
    return made


def widths(tensors: dict[str, torch.Tensor]) -> tuple[int, ...]:
    """The channels of the layers that read the picture, as the file has them."""
    own = sorted(
        (key for key in tensors if key.startswith("controlnet_cond_embedding.blocks.") and key.endswith(".weight")),
        key=lambda key: int(key.split(".")[2]),
    )
    if own:
        first = tensors["controlnet_cond_embedding.conv_in.weight"].shape[0]
        return (first, *(tensors[key].shape[0] for key in own[1::2]))
    return (16, 32, 96, 256)


def check_fits(row: AdapterRow, module: Any, denoiser: Any) -> None:  # noqa: ANN401
    """Raise CheckpointError for one that was made from another kind of model."""
    if isinstance(module, T2IAdapter):
        channels = [*cast("Any", module).config["channels"]]
        if channels != [*denoiser.config.get("block_out_channels", ())]:
            raise CheckpointError(f"the {row.kind} '{row.id}' was made for another kind of model, by its channels")
        return
    kinds = module.config.get("num_control_type") or module.config.get("num_mode")
    if kinds is not None and any(number >= kinds for number in row.modes.values()):
        raise CheckpointError(f"'{row.id}' does {kinds} kinds of control, and its row numbers more (modes)")
    for name in TELLING:
        own, wanted = module.config.get(name), denoiser.config.get(name)
        own, wanted = (tuple(each) if isinstance(each, list) else each for each in (own, wanted))
        if own is not None and wanted is not None and own != wanted:
            raise CheckpointError(
                f"the {row.kind} '{row.id}' was made for another kind of model: its {name} is {own}, and the model's "
                f"is {wanted}"
            )


class Scale(float):
    """1, for the module that is called with it; how strongly it was `asked`, for what comes of it.

    So requests that want another strength have equal arguments, and share a forward.
    """

    asked: float

    def __new__(cls, asked: float) -> Scale:
        """The one that stands for `asked`."""
        made = super().__new__(cls, 1.0)
        made.asked = asked
        return made


def scale_outside(module: torch.nn.Module) -> None:
    """Multiply what a call of `module` gives by its `conditioning_scale` behind the forward instead of in it."""

    def before(module: torch.nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - torch's hook
        asked = kwargs.get("conditioning_scale")
        return (args, {**kwargs, "conditioning_scale": Scale(asked)}) if isinstance(asked, float | int) else None

    def behind(module: torch.nn.Module, args: Any, kwargs: dict[str, Any], output: Any) -> Any:  # noqa: ANN401
        scale = kwargs.get("conditioning_scale")
        if not isinstance(scale, Scale) or scale.asked == 1:
            return output
        return pytree.tree_map_only(torch.Tensor, lambda made: made * scale.asked, output)

    module.register_forward_pre_hook(before, with_kwargs=True)
    module.register_forward_hook(behind, with_kwargs=True)
