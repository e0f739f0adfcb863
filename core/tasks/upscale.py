"""Upscale: a given picture, larger, as it is: by a network that was taught what small pictures were made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from pydantic import Field

from core.catalog.model import MOST_SCALE, Model
from core.errors import InvalidRequest
from core.media import Facts
from core.tasks.diffusion import MAX_PIXELS_A_SIDE
from core.tasks.task import Parameters, Role, Task

IMAGE: Final = Role("image")

MOST_MADE_A_SIDE: Final = 2 * MAX_PIXELS_A_SIDE
"""Pixels of what a network makes, before that is brought to the scale that was asked for."""

TILE_PIXELS: Final = 192 * 192

SCALE_UP_TO: Final = f"A picture has {MAX_PIXELS_A_SIDE} pixels a side at most."


class UpscaleParameters(Parameters):
    """`scale` is how many times as wide and high the picture becomes: what is over the network's own is refused."""

    cost_terms: ClassVar[str] = "pixels"

    scale: float = Field(gt=1, le=MOST_SCALE, description="How many times as wide and high. " + SCALE_UP_TO)

    @classmethod
    def defaults(cls, model: Model, inputs: Mapping[str, Sequence[Facts]]) -> dict[str, Any]:
        """What the network was made for."""
        return {} if model.scale is None else {"scale": float(model.scale)}

    def check(self, model: Model) -> None:
        """Raise InvalidRequest for more than the network does at once."""
        if model.draws and self.scale != model.scale:
            raise InvalidRequest(
                f"scale {self.scale:g} does not fit model '{model.id}': it makes pictures {model.scale} times as large",
                param="scale",
            )
        if model.scale is not None and self.scale > model.scale:
            raise InvalidRequest(
                f"scale {self.scale:g} is over the {model.scale} of model '{model.id}'; a result can be upscaled again",
                param="scale",
            )

    def check_inputs(self, model: Model, inputs: Mapping[str, Sequence[Facts]], outputs: int) -> None:
        """Raise InvalidRequest for a picture that would become too large, by the network if not in the end."""
        check_enlarged(inputs, self.scale)
        for facts in inputs.get(IMAGE.name, ()):
            sides = int(facts["width"]), int(facts["height"])
            if max(sides) * (model.scale or 1) > MOST_MADE_A_SIDE:
                raise InvalidRequest(
                    f"a picture of {sides[0]}x{sides[1]} is too large for model '{model.id}', which makes all of them "
                    f"{model.scale} times as large first: it takes {MOST_MADE_A_SIDE // (model.scale or 1)} pixels a "
                    "side at most; a model of a smaller scale would do",
                    param="model",
                )

    @property
    def row_cost(self) -> int:
        """Pixels of a tile, about: pictures are enlarged piece by piece."""
        return TILE_PIXELS


def enlarged(width: int, height: int, scale: float) -> tuple[int, int]:
    """The size of a picture of `width` x `height` pixels, `scale` times as large."""
    return round(width * scale), round(height * scale)


def check_enlarged(inputs: Mapping[str, Sequence[Facts]], scale: float) -> None:
    """Raise InvalidRequest if the picture among `inputs`, `scale` times as large, is larger than any may be."""
    for facts in inputs.get(IMAGE.name, ()):
        given = int(facts["width"]), int(facts["height"])
        width, height = enlarged(*given, scale)
        if max(width, height) > MAX_PIXELS_A_SIDE:
            most = int(MAX_PIXELS_A_SIDE / max(given) * 100) / 100
            could = f"{most:g} would fit" if most > 1 else "it is as large as pictures may be"
            raise InvalidRequest(
                f"scale {scale:g} makes {width}x{height} of a picture of {given[0]}x{given[1]}, over "
                f"{MAX_PIXELS_A_SIDE} pixels a side: {could}",
                param="scale",
            )


TASK: Final = Task(
    name="upscale",
    title="A given picture, larger.",
    parameters=UpscaleParameters,
    roles=(IMAGE,),
    implied=False,
    guides=(),
    has_seeds=False,
)
