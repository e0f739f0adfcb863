"""What is to become of a decoded picture: told by the api, done in the process that holds its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from core.catalog.adapter import Preprocessor

Channel = Literal["colour", "grey", "clear", "outside"]
"""colour: RGB, over white where it is transparent; grey: that in L; clear: white where it is transparent; outside:
white where the picture is not, on a canvas that it does not fill."""

Box = tuple[int, int, int, int]
"""Left, top, width and height in pixels of what a picture covers of a canvas; it may lie partly beside it."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is made of a picture for a ControlNet, at the size that it is drawn in.

    canny: white edges on black (Canny 1986), above `high`, and above `low` where they go on from such; invert: black
    for white; gray: without its colours; blur: without its details.
    """

    preprocessor: Preprocessor = "none"
    low: int = 100
    high: int = 200


NOT_PREPARED: Final = Prepared()


@dataclass(frozen=True, slots=True)
class Conversion:
    """One PNG file to be made of a picture: a channel, inverted or not, at `size` in pixels, its middle if need be.

    With `like`, the number of another open picture, it is first stretched to that one's size. With a `box` it covers
    just that of a canvas of `size`, and what is beside it is drawn on from its edges.
    """

    channel: Channel
    size: tuple[int, int] | None = None
    invert: bool = False
    like: int | None = None
    prepared: Prepared = NOT_PREPARED
    box: Box | None = None
