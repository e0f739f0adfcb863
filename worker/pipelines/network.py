"""A small network behind the door of a pipeline: what the engine, and everything around a model, expects of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from PIL import Image

from core.jobs import Stage
from worker.contract import DrawRequest

Stepped = Callable[[int, int, torch.Tensor | None], None]
"""Told after each step: its number, how many there are, and the latents where there are such."""

PARKS: Final = "network"
"""What a module is called among the components that may stop before each forward, for others to join or go first."""


class Network:
    """What loaders of networks give: `components`, by whose name the engine finds the module, and a call."""

    def __init__(self, module: torch.nn.Module, name: str = PARKS) -> None:
        self.module = module
        self.components = {name: module}

    @property
    def place(self) -> tuple[torch.device, torch.dtype]:
        """Where it computes, and in which precision."""
        first = next(self.module.parameters())
        return first.device, first.dtype

    def pixels_of(self, picture: Image.Image) -> torch.Tensor:
        """[1, channels, height, width] in 0…1, where it computes."""
        device, dtype = self.place
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].to(device, dtype) / 255

    def __call__(self, request: DrawRequest, stepped: Stepped) -> Any:  # noqa: ANN401 - what the task's encoder takes
        """What it makes of the picture of `request`; `stepped` is told of each forward."""
        raise NotImplementedError


def in_8_bits(pixels: torch.Tensor) -> torch.Tensor:
    """`pixels`, [channels, height, width] in 0…1, as uint8 [height, width, channels] on the CPU."""
    return (pixels * 255).round_().clamp_(0, 255).to("cpu", torch.uint8).permute(1, 2, 0)


class NetworkCall:
    """One request's run through a network: see `PipelineCall`, whose place it takes."""

    works = Stage.TRANSFORM
    repeats = False
    modules: tuple[tuple[str, Any], ...] = ()

    def __init__(self, network: Network, request: DrawRequest) -> None:
        self.pipeline: Any = network
        self.notes: list[str] = []
        self._request = request

    def run(self, stepped: Stepped) -> Any:  # noqa: ANN401
        """What the network makes of the request. Raises JobFailure, and whatever the network raises."""
        return self.pipeline(self._request, stepped)

    def foreseen(self, latents: torch.Tensor) -> torch.Tensor | None:
        """There are no latents."""
        return None
