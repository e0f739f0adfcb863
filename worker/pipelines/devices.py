"""Knows which device this machine has and which precision a family wants on it. Knows no pipeline."""

from __future__ import annotations

from typing import Final

import torch

from worker.pipelines.memory import Precision

OVERFLOWS_IN_HALF: Final = frozenset({Family.SD3, Family.FLUX})
"""Families trained in bfloat16, whose activations leave the range of float16."""


def pick_device() -> torch.device:
    """CUDA before MPS before the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def pick_dtype(device: torch.device, family: Family, precision: Precision) -> torch.dtype:
    """The dtype asked for, or for `auto` half precision where the device is fast at it and the family bears it."""
    if precision != "auto":
        return {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}[precision]
    if device.type != "cuda":
        return torch.float32
    if family not in OVERFLOWS_IN_HALF:
        return torch.float16
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32


def machine_of(device: torch.device) -> str:
    """What the speed of forwards depends on, in words."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{device.type} {capability}, {torch.get_num_threads()} threads, torch {torch.__version__}"
