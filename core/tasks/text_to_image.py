"""Text to image: a picture from words alone."""

from __future__ import annotations

from typing import Final

from core.tasks.diffusion import DiffusionParameters
from core.tasks.task import Task

TASK: Final = Task(name="text-to-image", title="A picture from words.", parameters=DiffusionParameters)
