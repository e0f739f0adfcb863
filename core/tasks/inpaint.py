"""Inpaint: what the mask shows in white is drawn anew, the rest stays as it was."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from core.tasks.diffusion import DiffusionParameters
from core.tasks.task import Role, Task


class InpaintParameters(DiffusionParameters):
    """`strength` is how much of what lies under the mask is drawn anew; all of it if nothing is said."""

    strength: float = Field(default=1.0, gt=0, le=1, description="How much of the given picture is drawn anew.")


TASK: Final = Task(
    name="inpaint",
    title="A part of a given picture drawn anew.",
    parameters=InpaintParameters,
    roles=(Role("image"), Role("mask", mode="L")),
)
