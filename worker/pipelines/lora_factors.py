"""Reads the LoRAs of requests: stock diffusers and PEFT lay them over an empty twin of the model, and leave factors.

The twin has the model's layers and no weights. So the model that draws is not touched, whatever a file holds, and what
it takes of memory is the LoRA's own.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from peft.tuners.lora.layer import LoraLayer
from peft.tuners.tuners_utils import BaseTunerLayer

from core.catalog.tensor_info import CheckpointError
from worker.pipelines.components import modules_of
from worker.pipelines.lora_rows import Factors
from worker.pipelines.loras import Attached, attach

GUIDED: Final = ("unet", "transformer", "text_encoder")
"""How the names of components begin that LoRAs change."""

ADAPTER: Final = "read"

Read = tuple[dict[str, Factors], tuple[str, ...]]
"""Factors by the path of their layer, and what is to be said of the file."""


def guided_modules(pipeline: Any) -> dict[str, torch.nn.Module]:  # noqa: ANN401 - any diffusers pipeline
    """Its modules that LoRAs change, by name."""
    return {name: module for name, module in modules_of(pipeline).items() if name.startswith(GUIDED)}


class Twin:
    """A pipeline's layers without their weights, to lay LoRAs over."""

    def __init__(self, pipeline: Any) -> None:  # noqa: ANN401
        self._pipeline = pipeline
        self._empty: Any = None

    def read(self, file: Path, name: str, device: torch.device) -> Read:
        """What the LoRA in `file`, called `name`, adds to each layer, on `device` in the precision of the layer.

        Raises CheckpointError, in words for the owner of the machine, for a file that is none or does not fit.
        """
        empty = self._empty or emptied(self._pipeline)
        self._empty = None  # a file that fails leaves half of itself
        lost = attach(empty, file, Attached(ADAPTER, name, 1.0))
        parts = guided_modules(empty)
        found = {
            f"{part}.{path}": factors_of(layer, name)
            for part, module in parts.items()
            for path, layer in module.named_modules()
            if isinstance(layer, BaseTunerLayer) and ADAPTER in getattr(layer, "scaling", ())
        }
        empty.unload_lora_weights()
        self._empty = empty
        real = guided_modules(self._pipeline)
        for path, factors in found.items():
            part, _, inner = path.partition(".")
            weight = next(real[part].get_submodule(inner).parameters())
            # Quantised weights are whole numbers: there a layer's input has the model's own precision.
            dtype = weight.dtype if weight.is_floating_point() else dtype_of(real[part])
            for module in (factors.down, factors.up):
                module.requires_grad_(False).to(device=device, dtype=dtype)
        return found, (f"LoRA '{name}': {lost}",) if lost else ()


def emptied(pipeline: Any) -> Any:  # noqa: ANN401
    """A copy of `pipeline` whose guided modules have memory that nobody has written to, which takes none."""
    twin = copy.copy(pipeline)
    for name, module in guided_modules(pipeline).items():
        kind: Any = type(module)
        config: Any = module.config
        with torch.device("meta"):
            made = kind.from_config(config) if hasattr(kind, "from_config") else kind(config)
        setattr(twin, name, made.to_empty(device="cpu").eval())
    return twin


def dtype_of(module: Any) -> torch.dtype:  # noqa: ANN401 - a model of diffusers or transformers
    """What its forward computes in."""
    dtype: torch.dtype = module.dtype
    return dtype


def factors_of(layer: Any, name: str) -> Factors:  # noqa: ANN401 - PEFT's
    """Raises CheckpointError for what is not the product of two factors."""
    if not isinstance(layer, LoraLayer) or layer.use_dora.get(ADAPTER):
        kind = "a DoRA" if isinstance(layer, LoraLayer) else f"a {type(layer).__name__}"
        raise CheckpointError(
            f"the LoRA '{name}' is {kind}, which cannot differ from row to row: put it into the row of a model"
        )
    base = layer.get_base_layer()
    if not isinstance(base, torch.nn.Linear | torch.nn.Conv2d):
        raise CheckpointError(f"the LoRA '{name}' changes a {type(base).__name__}, which is no linear layer")
    return Factors(layer.lora_A[ADAPTER], layer.lora_B[ADAPTER], layer.scaling[ADAPTER])


def bytes_of(factors: Sequence[Factors]) -> int:
    """What they take."""
    modules = [module for each in factors for module in (each.down, each.up)]
    return sum(weight.nbytes for module in modules for weight in module.parameters())
