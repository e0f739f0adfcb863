"""What AUTOMATIC1111's clients send to have pictures enlarged or described."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from app.wires.a1111.fields import LooseInput
from app.wires.a1111.upscalers import NONE
from core.catalog.model import MOST_SCALE
from core.errors import InvalidRequest
from core.tasks.diffusion import MAX_PIXELS_A_SIDE
from core.tasks.upscale import enlarged

MOST_PICTURES: Final = 16
"""Of one call: each is a job of its own, and the queue of a key has a hundred places."""

Share = Annotated[float, Field(ge=0, le=1)]
Side = Annotated[int, Field(ge=1, le=MAX_PIXELS_A_SIDE)]


class Extras(LooseInput):
    """What becomes of pictures: `resize_mode` 0 makes them `upscaling_resize` times as large, 1 fits them to a size."""

    resize_mode: Literal[0, 1] = 0
    show_extras_results: bool = True
    gfpgan_visibility: Share = 0
    codeformer_visibility: Share = 0
    upscaling_resize: float = Field(default=2, ge=1, le=MOST_SCALE)
    upscaling_resize_w: Side = 512
    upscaling_resize_h: Side = 512
    upscaling_crop: bool = True
    upscaler_1: str = NONE
    upscaler_2: str = NONE
    extras_upscaler_2_visibility: Share = 0

    def check(self) -> None:
        """Raise InvalidRequest, by its name, for what nothing here can do."""
        for name in ("gfpgan_visibility", "codeformer_visibility"):
            if (visibility := getattr(self, name)) > 0:
                raise InvalidRequest(
                    f"{name} {visibility:g} asks for faces to be restored, and this server has nothing that does: "
                    "send 0",
                    param=name,
                )
        if self.upscaler_2 not in ("", NONE) and self.extras_upscaler_2_visibility > 0:
            raise InvalidRequest(
                f"upscaler_2 '{self.upscaler_2[:64]}' is to be mixed with the first, which is not done here: send "
                f"'{NONE}', or extras_upscaler_2_visibility 0",
                param="upscaler_2",
            )

    def target(self, width: int, height: int) -> tuple[int, int]:
        """The size that such a picture comes out in. Raises InvalidRequest for one that is too large."""
        if self.resize_mode == 1 and self.upscaling_crop:
            return self.upscaling_resize_w, self.upscaling_resize_h
        scale = self.upscaling_resize
        if self.resize_mode == 1:
            scale = max(self.upscaling_resize_w / width, self.upscaling_resize_h / height)
        made = enlarged(width, height, scale)
        if max(made) > MAX_PIXELS_A_SIDE:
            raise InvalidRequest(
                f"the picture of {width}x{height} would become {made[0]}x{made[1]}, over {MAX_PIXELS_A_SIDE} pixels a "
                "side",
                param="upscaling_resize_w" if self.resize_mode == 1 else "upscaling_resize",
            )
        return max(1, made[0]), max(1, made[1])


class ExtraSingle(Extras):
    """POST extra-single-image."""

    image: str


class NamedImage(LooseInput):
    """One of many."""

    data: str
    name: str = ""


class ExtraBatch(Extras):
    """POST extra-batch-images."""

    image_list: list[NamedImage] = Field(alias="imageList", min_length=1, max_length=MOST_PICTURES)


class Interrogation(LooseInput):
    """POST interrogate: `model` is `clip`, whichever model describes pictures here, or the id of one that does."""

    image: str
    model: str = "clip"
