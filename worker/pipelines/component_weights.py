"""Makes one component of a pipeline from its configuration and the tensors of a single file, in either key layout."""

from __future__ import annotations

import inspect
from typing import Any, Final, cast

import torch
from accelerate import init_empty_weights
from diffusers.loaders.single_file_model import SINGLE_FILE_LOADABLE_CLASSES
from diffusers.loaders.single_file_utils import convert_open_clip_checkpoint

from core.catalog.tensor_info import CheckpointError

Tensors = dict[str, torch.Tensor]

UNET_PREFIX: Final = "model.diffusion_model."
SCALES: Final = (".scale_weight", ".weight_scale")
LEFTOVERS: Final = (".scale_input", ".input_scale", "scaled_fp8", "position_ids")
SD2_ENCODER: Final = "cond_stage_model.model."
OPENCLIP: Final = "conditioner.embedders.1.model."


def build(kind: Any, config: Any, tensors: Tensors, dtype: torch.dtype, name: str) -> Any:  # noqa: ANN401 - untyped
    """The component `name` of class `kind` in `dtype`, its weights out of `tensors`, eval mode, on the CPU.

    `config` is a dict for classes of diffusers, a configuration object for those of transformers. Raises
    CheckpointError if weights are missing or of other shapes than the configuration says.
    """
    with init_empty_weights():
        model = kind.from_config(config) if isinstance(config, dict) else kind(config)
    tensors = unscaled(tensors)
    wanted = model.state_dict()
    if not wanted.keys() <= tensors.keys():
        tensors = converted(model, config, tensors)
    state = {key: _fitting(tensor, wanted[key], key, name) for key, tensor in tensors.items() if key in wanted}
    wide = tuple(getattr(model, "_keep_in_fp32_modules", None) or ()) if dtype == torch.float16 else ()
    state = {
        key: _cast(tensor, torch.float32 if set(key.split(".")) & set(wide) else dtype) for key, tensor in state.items()
    }
    model.load_state_dict(state, strict=False, assign=True)
    if hasattr(model, "tie_weights"):
        model.tie_weights()
    missing = [key for key, tensor in model.state_dict().items() if tensor.is_meta]
    if missing:
        raise CheckpointError(
            f"the file has {len(wanted) - len(missing)} of the {len(wanted)} tensors of the {name}; "
            f"'{missing[0]}' is missing: it is not whole, or its configuration is another model's"
        )
    return model.requires_grad_(False).eval()


def unscaled(tensors: Tensors) -> Tensors:
    """`tensors` with the scales of scaled float8 weights applied, in float32, and without what only such files have."""
    scales = {key.removesuffix(end): tensor for key, tensor in tensors.items() for end in SCALES if key.endswith(end)}
    plain = {key: tensor for key, tensor in tensors.items() if not key.endswith((*SCALES, *LEFTOVERS))}
    for name, scale in scales.items():
        weight = plain.get(f"{name}.weight")
        if weight is None or scale.numel() not in (1, weight.shape[0]):
            raise CheckpointError(f"the float8 weight '{name}' has a scale of a kind that is not known")
        factor = scale.float() if scale.numel() == 1 else scale.float().reshape(-1, *[1] * (weight.dim() - 1))
        plain[f"{name}.weight"] = weight.float() * factor
    return plain


def converted(model: Any, config: Any, tensors: Tensors) -> Tensors:  # noqa: ANN401
    """`tensors` of the original layout under the names that `model` has, by diffusers' own functions."""
    if not isinstance(config, dict):
        return _text_encoder(model, tensors)
    for name, functions in SINGLE_FILE_LOADABLE_CLASSES.items():
        if name == type(model).__name__:
            unet = name == "UNet2DConditionModel"
            prefixed = {UNET_PREFIX + key: tensor for key, tensor in tensors.items()} if unet else {**tensors}
            convert: Any = cast("dict[str, Any]", functions)["checkpoint_mapping_fn"]
            known = {"checkpoint": prefixed, "config": config}
            taken = inspect.signature(convert).parameters
            try:
                made: dict[str, Any] = convert(**{key: value for key, value in known.items() if key in taken})
            except (KeyError, IndexError, AttributeError, RuntimeError) as error:
                raise CheckpointError(
                    f"the tensors of the {name} are not those of a whole model of its kind: {error}"
                ) from error
            return {key: tensor for key, tensor in made.items() if isinstance(tensor, torch.Tensor)}
    return tensors


def _text_encoder(model: Any, tensors: Tensors) -> Tensors:  # noqa: ANN401
    """CLIP as transformers has it, OpenCLIP's own names, or T5, each with or without the trainer's prefix."""
    names = {key.removeprefix("model."): tensor for key, tensor in tensors.items()}
    if "token_embedding.weight" in names:
        projected = hasattr(model, "text_projection")
        prefix = OPENCLIP if projected else SD2_ENCODER
        prefixed = {prefix + key: each for key, each in names.items()}
        names = convert_open_clip_checkpoint(model, prefixed, prefix=prefix)  # type: ignore[no-untyped-call]
    else:
        names = {key.removeprefix("transformer."): tensor for key, tensor in tensors.items()}
    wrapped = hasattr(model, "text_model")
    names = {("text_model." if wrapped and key.startswith(BODY) else "") + key: each for key, each in names.items()}
    if not wrapped:
        names = {key.removeprefix("text_model."): tensor for key, tensor in names.items()}
    projection = getattr(model, "text_projection", None)
    if projection is not None and "text_projection.weight" not in names:  # SD3's CLIP-L was saved without its identity
        names["text_projection.weight"] = torch.eye(*projection.weight.shape)
    return names


BODY: Final = ("embeddings.", "encoder.layers.", "final_layer_norm.")


def _fitting(tensor: torch.Tensor, wanted: torch.Tensor, key: str, name: str) -> torch.Tensor:
    """A 1x1 convolution and a linear projection have the same numbers."""
    if tensor.shape == wanted.shape:
        return tensor
    if [each for each in tensor.shape if each > 1] == [each for each in wanted.shape if each > 1]:
        return tensor.reshape(wanted.shape)
    raise CheckpointError(
        f"'{key}' of the {name} is {_by(tensor)} in the file and {_by(wanted)} by its configuration: "
        "the configuration is another model's"
    )


def _by(tensor: torch.Tensor) -> str:
    return "x".join(map(str, tensor.shape))


def _cast(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A copy that is no longer a view into the file: that may be replaced, and does not align its tensors."""
    wanted = dtype if tensor.is_floating_point() else tensor.dtype
    return tensor.to(wanted, copy=True, memory_format=torch.contiguous_format)
