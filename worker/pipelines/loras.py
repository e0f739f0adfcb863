"""Puts the LoRAs of a row into a model's weights (Hu et al. 2021, arXiv:2106.09685), so that nothing of them is left.

Stock diffusers and PEFT read the files. Each layer is added up in float32, whatever the model is held in, and rounded
once at the end: in float16 or bfloat16 every LoRA would round the sum anew, and what is much smaller than the weights
would be lost one by one. It takes the memory of one layer, and the pictures need none of it afterwards.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError
from peft.tuners.tuners_utils import BaseTunerLayer

from core.catalog.hub_cache import hub_file
from core.catalog.model import Model
from core.catalog.tensor_info import CheckpointError
from worker.faults import is_device_lost, is_out_of_memory
from worker.pipelines.lora_faults import check_lora, no_layer_fits, why_not

logger = logging.getLogger(__name__)

Locate = Callable[[str], Path | None]

ONE_A_LAYER: Final = re.compile(r"lora_A\.|[._]down\.weight$|\.lokr_w1(_a)?$")
"""A tensor that each layer of a LoRA has once, in every layout that diffusers' converters end in."""


class Attached(NamedTuple):
    """A LoRA over a pipeline's modules: what PEFT calls it, what people call it, and how strongly it is meant."""

    adapter: str
    name: str
    scale: float


def load_loras(pipeline: Any, row: Model, locate: Locate, *, local_only: bool) -> None:  # noqa: ANN401
    """Change the weights of `pipeline` by the LoRAs of `row`; its modules are plain ones before and after.

    Raises CheckpointError, in words for the owner of the machine, for a file that is none or does not fit; layers of
    a file that find no place are told in the log.
    """
    if not row.loras:
        return
    check_takes_loras(pipeline)
    attached = []
    for number, (source, scale) in enumerate(row.loras.items()):
        lora = Attached(f"lora{number}", Path(source).name, scale)
        if lost := attach(pipeline, lora_file(source, locate, local_only=local_only), lora):
            logger.warning("the LoRA '%s': %s", lora.name, lost)
        attached.append(lora)
    fuse(pipeline, attached)
    pipeline.unload_lora_weights()


def check_takes_loras(pipeline: Any) -> None:  # noqa: ANN401
    """Raise CheckpointError for a pipeline that takes none, or whose weights cannot be added to."""
    if not hasattr(pipeline, "load_lora_weights"):
        raise CheckpointError(f"{type(pipeline).__name__} takes no LoRAs: take `loras` out of the row")
    for name, part in pipeline.components.items():
        if getattr(part, "hf_quantizer", None) is not None:
            raise CheckpointError(
                f"the weights of the {name} are quantised, as those of GGUF files are, and a LoRA cannot be added to "
                "them: take the model in float16 or bfloat16, or take `loras` out of the row"
            )


def lora_file(source: str, locate: Locate, *, local_only: bool) -> Path:
    """Where the file that a row names lies, fetched unless `local_only`. Raises CheckpointError if it cannot be had."""
    path = locate(source)
    if path is not None and path.is_file():
        return path
    if path is not None:
        raise CheckpointError(f"the LoRA '{source}' is a folder: name the .safetensors file in it")
    if (named := hub_file(source)) is None:
        raise CheckpointError(f"there is no file '{source}' for a LoRA: name one, or owner/name/file.safetensors")
    try:
        return Path(hf_hub_download(named.repo, named.path, revision=named.revision, local_files_only=local_only))
    except (EntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        raise CheckpointError(
            f"the LoRA '{source}' is no file here, nor in the hub's cache: fetch it with 'easel models add … --lora "
            f"{source}', or allow downloads"
        ) from error


def attach(pipeline: Any, file: Path, lora: Attached) -> str | None:  # noqa: ANN401
    """Lay the LoRA in `file` over the modules of `pipeline`; returns what to say of layers that found no place there.

    Raises CheckpointError, by its name.
    """
    check_lora(file, lora.name)
    with layers_named(pipeline) as named, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Already found a `peft_config`")  # several are what is meant
        try:
            pipeline.load_lora_weights(
                str(file), adapter_name=lora.adapter, use_safetensors=True, local_files_only=True
            )
        except Exception as error:  # whatever converters and PEFT raise for a file that they were not made for
            if is_out_of_memory(error) or is_device_lost(error):
                raise
            raise CheckpointError(f"the LoRA '{lora.name}' {why_not(error, file)}") from error
    found = sum(lora.adapter in layer.scaling for layer in lora_layers(pipeline))
    if not found:
        raise CheckpointError(f"the LoRA '{lora.name}' {no_layer_fits(file)}")
    lost = len(named) - found
    return f"{lost} of its {len(named)} layers found no place in the model" if lost > 0 else None


@contextmanager
def layers_named(pipeline: Any) -> Iterator[list[str]]:  # noqa: ANN401
    """What the stock loader makes of a file while this holds: the layers, by one tensor of each."""
    named: list[str] = []
    stock = pipeline.lora_state_dict

    def watched(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        made = stock(*args, **kwargs)
        tensors = made[0] if isinstance(made, tuple) else made
        named.extend(key for key in tensors if ONE_A_LAYER.search(key))
        return made

    pipeline.lora_state_dict = watched
    try:
        yield named
    finally:
        del pipeline.lora_state_dict


def fuse(pipeline: Any, loras: Sequence[Attached]) -> None:  # noqa: ANN401
    """Add what is attached to the weights, each as strongly as it is meant. Raises CheckpointError for no numbers."""
    for layer in lora_layers(pipeline):
        kept = {parameter: parameter.dtype for parameter in layer.get_base_layer().parameters()}
        layer.float()
        here = [lora for lora in loras if lora.adapter in layer.scaling]
        for lora in here:
            layer.set_scale(lora.adapter, lora.scale)
        try:
            layer.merge(safe_merge=True, adapter_names=[lora.adapter for lora in here])
        except ValueError as error:
            names = " or ".join(f"'{lora.name}'" for lora in here)
            raise CheckpointError(f"the LoRA {names} holds what is no number: download it again") from error
        for parameter, dtype in kept.items():
            parameter.data = parameter.data.to(dtype)


def lora_layers(pipeline: Any) -> list[Any]:  # noqa: ANN401
    """The layers of PEFT in all modules of the pipeline."""
    parts = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
    return [layer for part in parts for layer in part.modules() if isinstance(layer, BaseTunerLayer)]
