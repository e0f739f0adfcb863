"""How fast this machine multiplies matrices in float32: what the models' arithmetic is compared with."""

from __future__ import annotations

import statistics
import time
from typing import Final

import torch

SIDE: Final = {"cpu": 2048, "cuda": 8192}
TRIES: Final = 10


def matmul_flops(device: torch.device) -> float:
    """Floating-point operations a second of one large product, on as many threads as torch uses; the median of ten."""
    side = SIDE.get(device.type, SIDE["cpu"])
    left, right = (torch.randn(side, side, device=device) for _ in range(2))
    seconds = []
    for number in range(TRIES + 1):
        began = time.perf_counter()
        torch.mm(left, right)
        if device.type == "cuda":
            torch.cuda.synchronize()
        if number:  # the first one warms up
            seconds.append(time.perf_counter() - began)
    return 2 * side**3 / statistics.median(seconds)
