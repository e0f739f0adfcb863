"""A small network behind the door of a pipeline: what the engine, and everything around a model, expects of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch

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

    def __call__(self, request: DrawRequest, stepped: Stepped) -> Any:  # noqa: ANN401 - what the task's encoder takes
        """What it makes of the picture of `request`; `stepped` is told of each forward."""
        raise NotImplementedError


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
