"""Which device this machine has, and which precision a model is loaded in there."""

from __future__ import annotations

import torch

from core.catalog.model import Precision


def pick_device() -> torch.device:
    """CUDA before MPS before the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def pick_dtype(device: torch.device, precision: Precision, *, half_overflows: bool) -> torch.dtype:
    """The dtype asked for, or for `auto` half precision where the device is fast at it.

    With `half_overflows` activations leave the range of float16, and half precision is bfloat16.
    """
    if precision != "auto":
        return {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}[precision]
    if device.type != "cuda":
        return torch.float32
    if not half_overflows:
        return torch.float16
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32


def device_named(name: torch.device | str) -> torch.device:
    """The device of that name; `auto` is the best that this machine has."""
    return pick_device() if name == "auto" else torch.device(name)


def machine_of(device: torch.device) -> str:
    """What the speed of forwards depends on, in words."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{device.type} {capability}, {torch.get_num_threads()} threads, torch {torch.__version__}"
