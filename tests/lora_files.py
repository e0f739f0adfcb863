"""Makes small random LoRAs for a pipeline, in the layouts that people have, and says what they should do to weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

Tensors = dict[str, torch.Tensor]

RANK = 2
ATTENTION = ("to_q", "to_k", "to_v", "to_out.0", "q_proj", "k_proj", "v_proj", "out_proj", "add_q_proj")
KOHYA = {"unet": "lora_unet", "text_encoder": "lora_te", "text_encoder_2": "lora_te2"}


def layers_of(pipeline: Any, parts: tuple[str, ...], endings: tuple[str, ...] = ATTENTION) -> Iterator[tuple[str, Any]]:
    """The layers of `parts` that LoRAs change, by `part.name`."""
    for part in parts:
        for name, layer in getattr(pipeline, part).named_modules():
            if name.endswith(endings) and isinstance(layer, (torch.nn.Linear, torch.nn.Conv2d)):
                yield f"{part}.{name}", layer


def factors_of(layer: Any, noise: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Random `down` and `up` that every precision holds exactly, and whose product is as large as a weight."""
    size: tuple[int, ...] = layer.weight.shape[1:]
    last = (1, 1) if layer.weight.ndim == 4 else ()
    down = 0.2 * torch.randn(RANK, *size, generator=noise)
    up = 0.2 * torch.randn(layer.weight.shape[0], RANK, *last, generator=noise)
    return down.bfloat16().float(), up.bfloat16().float()


def diffusers_lora(pipeline: Any, *parts: str, seed: int = 0, endings: tuple[str, ...] = ATTENTION) -> Tensors:
    """A LoRA as PEFT and diffusers save it."""
    noise, tensors = torch.Generator().manual_seed(seed), {}
    for name, layer in layers_of(pipeline, parts, endings):
        tensors[f"{name}.lora_A.weight"], tensors[f"{name}.lora_B.weight"] = factors_of(layer, noise)
    return tensors


def kohya_lora(pipeline: Any, *parts: str, seed: int = 0, alpha: float = 1.0) -> Tensors:
    """The same, as kohya's scripts save it, and AUTOMATIC1111 and model sites have it: `alpha` over the rank."""
    noise, tensors = torch.Generator().manual_seed(seed), {}
    two = hasattr(pipeline, "text_encoder_2")
    for name, layer in layers_of(pipeline, parts):
        part, _, inner = name.partition(".")
        prefix = "lora_te1" if two and part == "text_encoder" else KOHYA[part]
        middle = "text_model_" if part.startswith("text") else ""
        key = f"{prefix}_{middle}{inner.removeprefix('text_model.').replace('.', '_')}"
        tensors[f"{key}.lora_down.weight"], tensors[f"{key}.lora_up.weight"] = factors_of(layer, noise)
        tensors[f"{key}.alpha"] = torch.tensor(alpha)
    return tensors


def changes(
    pipeline: Any, *parts: str, seed: int = 0, scale: float = 1.0, endings: tuple[str, ...] = ATTENTION
) -> Tensors:
    """What a LoRA of `seed` adds to the weights of each layer."""
    noise, added = torch.Generator().manual_seed(seed), {}
    for name, layer in layers_of(pipeline, parts, endings):
        down, up = (factor.double() for factor in factors_of(layer, noise))
        added[name] = scale * (up.flatten(1) @ down.flatten(1)).reshape(layer.weight.shape)
    return added


def write(tensors: Tensors, file: Path, metadata: dict[str, str] | None = None) -> Path:
    save_file(tensors, file, metadata)
    return file
