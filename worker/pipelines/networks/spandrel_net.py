"""Upscalers of the many kinds that spandrel knows (SwinIR, DAT, HAT, SPAN, …), where it is installed.

It is no requirement: it brings torchvision, whose build must be that of torch, to the letter, or neither can be
imported. The kinds that most files are of, Compact and RRDB, are read without it.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from core.errors import JobFailure

MARGIN = 16


class SpandrelNet(torch.nn.Module):
    """Enlarges [rows, 3, height, width] in 0…1 by `scale`, by a network that spandrel has opened."""

    def __init__(self, described: Any) -> None:  # noqa: ANN401 - spandrel is untyped
        super().__init__()
        self.scale: int = described.scale
        self.margin = MARGIN
        self._described = described
        self.module = described.model

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """The picture, `scale` times as wide and high; spandrel brings it to sizes that the network takes."""
        made: torch.Tensor = self._described(pixels)
        return made


def spandrel_net(path: Path) -> SpandrelNet:
    """What is in the file `path`. Raises JobFailure where spandrel is missing, or does not know it either."""
    try:
        spandrel: Any = import_module("spandrel")
    except (ImportError, RuntimeError) as error:  # a torchvision of another build than torch raises RuntimeError
        raise JobFailure(
            f"{path.name} is no Compact or RRDB network; of other kinds spandrel knows many: pip install "
            f"'easel[upscalers]' ({type(error).__name__}: {str(error).splitlines()[0][:120]})",
            code="model_load_failed",
        ) from error
    try:
        described = spandrel.ModelLoader().load_from_file(path)
    except Exception as error:  # whatever its many readers raise says that they cannot read it
        raise JobFailure(
            f"{path.name} is no upscaler that is known: {error}"[:300], code="model_load_failed"
        ) from error
    if not isinstance(described, spandrel.ImageModelDescriptor) or (
        described.input_channels,
        described.output_channels,
    ) != (3, 3):
        raise JobFailure(
            f"{path.name} ({described.architecture.name}) takes no picture alone, or gives none in colours",
            code="model_load_failed",
        )
    return SpandrelNet(described)
