"""Image to text: prompts that could have made a given picture."""

from __future__ import annotations

from typing import Final

from core.media import TEXT
from core.tasks.task import Parameters, Role, Task


class ImageToTextParameters(Parameters):
    """There is nothing to say."""


TASK: Final = Task(
    name="image-to-text",
    title="Words for what a given picture shows.",
    parameters=ImageToTextParameters,
    roles=(Role("image"),),
    medium=TEXT,
    implied=False,
    guides=(),
)
