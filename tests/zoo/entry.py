"""What is known of one pipeline: how it is built, what its row in the catalogue says, how stock diffusers calls it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from diffusers import DiffusionPipeline

from core.catalog.model import Model, SizeGrid

SIZES = SizeGrid(minimum=32, maximum=128, multiple=32, width=64, height=64)
OTHER = (64, 96)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A pipeline of the zoo.

    `guidance` is the argument of its call that a request's guidance goes to, None if it has none. `negative`, `sized`
    and `strength` are whether the call takes a negative prompt, width and height (else it draws what its picture
    measures), a strength; `same_class` whether its own class does all of its tasks. `stock` are arguments that its
    documentation asks for, beside those, and `by_size` those that depend on (width, height). `other` is a second size
    that it draws, `row` are further fields of its row, `steps` those that a mix of requests takes. `unmerged` says why
    requests do not share forwards, `equal_lengths` why not all of them do, as those whose prompts have other lengths;
    "" if they do. `needs` are modules beside this project's own.
    """

    build: Callable[[], DiffusionPipeline]
    tasks: tuple[str, ...] = ("text-to-image",)
    sizes: SizeGrid = SIZES
    other: tuple[int, int] = OTHER
    guidance: str | None = "guidance_scale"
    negative: bool = True
    sized: bool = True
    strength: bool = True
    same_class: bool = False
    stock: Mapping[str, Any] = field(default_factory=dict)
    by_size: Callable[[int, int], Mapping[str, Any]] = lambda width, height: {}
    steps: tuple[int, ...] = (5, 7, 4)
    row: Mapping[str, Any] = field(default_factory=dict)
    unmerged: str = ""
    equal_lengths: str = ""
    needs: tuple[str, ...] = ()
    slow: bool = False

    def model(self, name: str) -> Model:
        """Its row of the catalogue, whose source is the folder of that name."""
        return Model.model_validate(
            {
                "id": name,
                "source": name,
                "tasks": self.tasks,
                "size": self.sizes,
                "scheduler": "own",
                "negative_prompt": self.negative,
                **self.row,
            }
        )
