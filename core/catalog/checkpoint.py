"""Tells what a single file of weights is: read from its tensors' shapes, never from its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from core.catalog.checkpoint_header import read_header
from core.catalog.checkpoint_kinds import kind_of
from core.catalog.checkpoint_parts import Layout, Parts, split
from core.catalog.families import NETWORKS
from core.catalog.tensor_info import CheckpointError, TensorInfo
from core.record import Record

__all__ = ["Checkpoint", "CheckpointError", "read_checkpoint"]

FLOATS = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


class Checkpoint(Record):
    """What a file of weights is, and what a row of the catalogue for it would say.

    `kind` names it (`sd15`, `sdxl-inpainting`, `flux-dev`, `lora`, `upscaler`, …) and `title` says it in words, with an
    article. `pipeline` is the class of diffusers that draws with it, None for what is no model by itself. `parts` are
    the components in it, by diffusers' names; `lacks` the components that its pipeline needs from elsewhere, `extra`
    what is in it beside the model, both in words. `precision` is `float16`, `float8`, …, `mixed`, or GGUF's own word.

    `prediction_type` and `zero_snr` are None where neither the file nor its kind tells. `reference` is the hub id of
    the model that its configuration is found with. `width` and `height` are the size that it was trained on,
    `scale` is how many times as wide and high an upscaler makes pictures,
    `channels` and `context` the denoiser's input channels and the width of the text states that it attends to.
    `refusal` says why it cannot be loaded, in words; None where it can be, once `lacks` is there.
    """

    kind: str
    title: str
    family: str
    pipeline: str | None = None
    tasks: tuple[str, ...] = ()
    layout: Layout = "original"
    format: Literal["safetensors", "gguf"] = "safetensors"
    parts: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    precision: str = "float32"
    prediction_type: str | None = None
    zero_snr: bool | None = None
    scheduler_config: dict[str, Any] = Field(default={})
    reference: str | None = None
    width: int = 512
    height: int = 512
    guidance_scale: float | None = None
    num_inference_steps: int | None = None
    channels: int | None = None
    context: int | None = None
    bytes: int = 0
    scale: int | None = None
    refusal: str | None = None

    @property
    def is_network(self) -> bool:
        """Whether it draws nothing and is a model all the same: it enlarges pictures, cuts them out, describes them."""
        return self.family in NETWORKS


def read_checkpoint(path: Path) -> Checkpoint:
    """What the file `path` is; only its header is read. Raises CheckpointError where it is no file of weights."""
    header = read_header(path)
    if not header.tensors:
        raise CheckpointError(f"{path.name} holds no tensors")
    parts = split(header.tensors)
    told = kind_of(header, parts)
    checkpoint = Checkpoint(
        **{
            "layout": parts.layout,
            "format": header.format,
            "parts": tuple(parts.components) if "pipeline" in told else (),
            "extra": parts.extra if "pipeline" in told else (),
            "precision": precision_of(parts, header.tensors),
            "bytes": header.length,
            **told,
        }
    )
    if checkpoint.refusal is None and (why := _unreadable(checkpoint, header.tensors)):
        checkpoint = checkpoint.evolve(refusal=why)
    return checkpoint


def precision_of(parts: Parts, tensors: dict[str, TensorInfo]) -> str:
    """The type that most of the weights have, by bytes; `mixed` where several have a tenth of them or more."""
    sizes: dict[str, int] = {}
    for tensor in (parts.denoiser or tensors).values():
        kind = "float8" if tensor.dtype.startswith("F8_") else FLOATS.get(tensor.dtype, tensor.dtype)
        sizes[kind] = sizes.get(kind, 0) + tensor.end - tensor.begin
    most = max(sizes, key=lambda kind: sizes[kind])
    many = [kind for kind, size in sizes.items() if size * 10 >= sum(sizes.values())]
    return "mixed" if len(many) > 1 and all(kind in FLOATS.values() for kind in many) else most


def _unreadable(checkpoint: Checkpoint, tensors: dict[str, TensorInfo]) -> str | None:
    if checkpoint.is_network:
        return None
    if checkpoint.pipeline is None:
        return f"the file is {checkpoint.title}, not a model that draws by itself"
    if checkpoint.format == "gguf":
        if "unet" in checkpoint.parts:
            return "diffusers reads GGUF for transformers only (FLUX, SD3, …), not for UNets"
        return None
    strange = sorted({tensor.dtype for tensor in tensors.values()} & {"F4", "F6_E2M3", "F6_E3M2", "F8_E8M0"})
    if strange or any(key.endswith((".absmax", ".quant_map")) or "quant_state" in key for key in tensors):
        return f"its weights are quantised in a way that is not read ({', '.join(strange) or 'bitsandbytes'})"
    if any(key.endswith((".comfy_quant", ".qweight")) for key in tensors):
        return "its weights are quantised in a way that is not read (one of ComfyUI's own, or GPTQ)"
    return None
