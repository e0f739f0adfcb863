"""Image to image: a given picture drawn over, more or less of it anew (SDEdit, Meng et al. 2021, arXiv:2108.01073)."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from core.tasks.diffusion import DiffusionParameters
from core.tasks.task import Role, Task

DEFAULT_STRENGTH: Final = 0.8


class ImageToImageParameters(DiffusionParameters):
    """`strength` is the share of the denoising that is done: near 0 the picture stays, at 1 it is drawn anew."""

    strength: float = Field(
        default=DEFAULT_STRENGTH, gt=0, le=1, description="How much of the given picture is drawn anew."
    )


TASK: Final = Task(
    name="image-to-image",
    title="A given picture drawn over.",
    parameters=ImageToImageParameters,
    roles=(Role("image"),),
)
