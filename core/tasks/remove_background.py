"""Remove background: what a picture shows, and transparency instead of what is behind it."""

from __future__ import annotations

from typing import Final

from core.media import CUTOUT
from core.tasks.task import Parameters, Role, Task


class RemoveBackgroundParameters(Parameters):
    """There is nothing to say."""


TASK: Final = Task(
    name="remove-background",
    title="What a given picture shows, cut out.",
    parameters=RemoveBackgroundParameters,
    roles=(Role("image"),),
    medium=CUTOUT,
    implied=False,
    guides=(),
    has_seeds=False,
)
