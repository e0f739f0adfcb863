"""What is to become of a decoded picture: told by the api, done in the process that holds its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from core.catalog.adapter import Preprocessor

Channel = Literal["colour", "grey", "clear"]
"""colour: RGB, over white where it is transparent; grey: that in L; clear: white where it is transparent."""


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

    With `like`, the number of another open picture, it is first stretched to that one's size.
    """

    channel: Channel
    size: tuple[int, int] | None = None
    invert: bool = False
    like: int | None = None
    prepared: Prepared = NOT_PREPARED
