"""Creative upscale: a given picture, larger, and a little of it drawn anew, tile by tile (Bar-Tal et al. 2023,
arXiv:2302.08113, go further: they join tiles at every step)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from pydantic import Field

from core.catalog.model import Model
from core.errors import InvalidRequest
from core.media import Facts
from core.tasks.diffusion import DiffusionParameters
from core.tasks.task import REFERENCE, Role, Task
from core.tasks.upscale import check_enlarged, enlarged

MOST_SCALE: Final = 4
OVERLAP: Final = 4
"""Tiles share a fourth of their sides with the next."""


class CreativeUpscaleParameters(DiffusionParameters):
    """`width` and `height` are those of a tile; `strength` is the share of the denoising that is done."""

    cost_terms: ClassVar[str] = "tiles x width x height x num_inference_steps x strength"

    scale: float = Field(
        default=2.0, ge=1, le=MOST_SCALE, description="How many times as wide and high; 1 keeps the size."
    )
    strength: float = Field(default=0.2, gt=0, le=1, description="How much of the given picture is drawn anew.")

    @classmethod
    def defaults(cls, model: Model, inputs: Mapping[str, Sequence[Facts]]) -> dict[str, Any]:
        """Tiles are as large as the pictures that the model draws best."""
        return super().defaults(model, {})

    def check(self, model: Model) -> None:
        """Raise InvalidRequest for what the model cannot do, and for a picture that shall join with its copies."""
        super().check(model)
        if self.tiling:
            raise InvalidRequest("tiling does not go with creative-upscale: leave it out", param="tiling")

    def check_inputs(self, model: Model, inputs: Mapping[str, Sequence[Facts]], outputs: int) -> None:
        """Raise InvalidRequest for a picture that would become too large, or take too many tiles."""
        check_enlarged(inputs, self.scale)
        for facts in inputs.get("image", ()):
            width, height = enlarged(int(facts["width"]), int(facts["height"]), self.scale)
            tiles = len(starts(height, self.height)) * len(starts(width, self.width))
            drawn = self.row_cost * math.ceil(self.steps * self.strength)
            if (work := tiles * drawn * outputs) > model.max_work:
                raise InvalidRequest(
                    f"n x {self.cost_terms} is {work}, over the {model.max_work} that model '{model.id}' does in one "
                    f"job: it would take {tiles} tiles; ask for a smaller scale or fewer steps",
                    param="scale",
                )

    @property
    def output_size(self) -> tuple[int, int] | None:
        """Follows from the picture."""
        return None

    @property
    def input_size(self) -> tuple[int, int] | None:
        """Pictures are left as they are."""
        return None


def starts(length: int, tile: int) -> list[int]:
    """Where tiles begin along a side, evenly spread, so that neighbours share a part of `1 / OVERLAP` or more."""
    room = length - tile
    count = 1 + -(-room // (tile - tile // OVERLAP)) if room > 0 else 1
    return [round(room * place / max(1, count - 1)) for place in range(count)]


TASK: Final = Task(
    name="creative-upscale",
    title="A given picture, larger, with details that were not there.",
    parameters=CreativeUpscaleParameters,
    roles=(Role("image"),),
    builds_on=frozenset({"image-to-image"}),
    implied=False,
    guides=(REFERENCE,),
)
