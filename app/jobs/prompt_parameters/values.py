"""How the value of each parameter is read, and what is said of those that there are not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final

from app.jobs.prompt_parameters.permutations import MOST_JOBS
from app.jobs.prompt_parameters.pictures import named_picture
from app.jobs.prompt_parameters.refusals import refused
from app.jobs.prompt_parameters.spelling import SpelledParameter
from core.errors import InvalidRequest
from core.jobs import MAX_SEED, Priority
from core.tasks.diffusion import MOST_CHAOS, MOST_WEIRD

Reader = Callable[[SpelledParameter], tuple[str, Any]]
"""The field of `Said` that a parameter fills, and with what. Raises InvalidRequest."""

RATIO: Final = re.compile(r"([1-9][0-9]{0,3}):([1-9][0-9]{0,3})")
WHOLE: Final = re.compile(r"[0-9]{1,12}")
DECIMAL: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{0,9})?|\.[0-9]{1,9}")

MOST_STYLIZE: Final = 1000
MOST_IMAGE_WEIGHT: Final = 3
MOST_STYLE_WEIGHT: Final = 1000
QUALITIES: Final = (0.25, 0.5, 1.0, 2.0, 4.0)


def _wrong(said: SpelledParameter, right: str) -> InvalidRequest:
    return refused(f"'{said}': --{said.name} takes {right}")


def _number(into: str, most: int, *, least: int = 0, whole: bool = True) -> Reader:
    """A number from `least` to `most`."""

    def read(said: SpelledParameter) -> tuple[str, Any]:
        if (WHOLE if whole else DECIMAL).fullmatch(said.value):
            value = int(said.value) if whole else float(said.value)
            if least <= value <= most:
                return into, value
        raise _wrong(said, f"{'a whole number' if whole else 'a number'} from {least} to {most}")

    return read


def _flag(into: str, value: object = True) -> Reader:
    """What is said by being there."""

    def read(said: SpelledParameter) -> tuple[str, Any]:
        if said.value:
            raise refused(f"'{said}': --{said.name} takes no value; words stand before the parameters")
        return into, value

    return read


def _ratio(said: SpelledParameter) -> tuple[str, Any]:
    found = RATIO.fullmatch(said.value)
    if found is None:
        raise _wrong(said, "width to height in whole numbers, such as 16:9")
    return "ratio", (int(found[1]), int(found[2]))


def _no(said: SpelledParameter) -> tuple[str, Any]:
    unwanted = tuple(each for each in map(str.strip, said.value.split(",")) if each)
    if not unwanted:
        raise _wrong(said, "what to keep out, such as --no text, frame")
    return "no", unwanted


def _quality(said: SpelledParameter) -> tuple[str, Any]:
    if DECIMAL.fullmatch(said.value) and float(said.value) in QUALITIES:
        return "quality", float(said.value)
    raise _wrong(said, f"one of {', '.join(f'{each:g}' for each in QUALITIES)}")


def _style(said: SpelledParameter) -> tuple[str, Any]:
    if not said.value:
        raise _wrong(said, "raw, or one of the model's styles")
    return ("raw", True) if said.value.lower() == "raw" else ("style", said.value)


def _sref(said: SpelledParameter) -> tuple[str, Any]:
    pictures = [named_picture(token) for token in said.value.split()]
    found = tuple(picture for picture in pictures if picture is not None)
    if not found or len(found) < len(pictures):
        raise _wrong(said, "addresses of pictures, gen_… or upl_…: random styles and codes are Midjourney's own")
    return "sref", found


READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "ar": _ratio,
        "aspect": _ratio,
        "c": _number("chaos", MOST_CHAOS),
        "chaos": _number("chaos", MOST_CHAOS),
        "draft": _flag("draft"),
        "fast": _flag("priority", Priority.NORMAL),
        "iw": _number("iw", MOST_IMAGE_WEIGHT, whole=False),
        "no": _no,
        "q": _quality,
        "quality": _quality,
        "r": _number("repeat", MOST_JOBS, least=1),
        "raw": _flag("raw"),
        "relax": _flag("priority", Priority.LOW),
        "repeat": _number("repeat", MOST_JOBS, least=1),
        "s": _number("stylize", MOST_STYLIZE),
        "seed": _number("seed", MAX_SEED),
        "sref": _sref,
        "style": _style,
        "stylize": _number("stylize", MOST_STYLIZE),
        "sw": _number("sw", MOST_STYLE_WEIGHT),
        "tile": _flag("tiling"),
        "turbo": _flag("priority", Priority.HIGH),
        "w": _number("weird", MOST_WEIRD),
        "weird": _number("weird", MOST_WEIRD),
    }
)
"""By name. `--ar` and `--aspect` are one."""

_PICTURE_INSTEAD: Final = "put the picture at the start of the prompt, with --iw"
_NO_VIDEO: Final = "it is for video, and this makes pictures"
_NO_PROFILE: Final = "profiles are kept at Midjourney; ask for a style or a LoRA of GET /v1/models"

OTHERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bs": _NO_VIDEO,
        "cref": _PICTURE_INSTEAD,
        "cw": _PICTURE_INSTEAD,
        "end": _NO_VIDEO,
        "exp": "ask for --stylize, --weird or --chaos",
        "loop": _NO_VIDEO,
        "motion": _NO_VIDEO,
        "oref": _PICTURE_INSTEAD,
        "ow": _PICTURE_INSTEAD,
        "p": _NO_PROFILE,
        "personalize": _NO_PROFILE,
        "profile": _NO_PROFILE,
        "stop": "no picture is left half drawn; ask for fewer steps by --q or num_inference_steps",
        "sv": "there is one way to read the pictures of --sref",
        "video": _NO_VIDEO,
    }
)
"""Parameters of Midjourney's that cannot be done, and what to do instead."""

NOTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "niji": "names a model of Midjourney's and changes nothing: the request's model draws",
        "public": "changes nothing: a job is seen with its own API key only",
        "stealth": "changes nothing: a job is seen with its own API key only",
        "v": "names a model of Midjourney's and changes nothing: the request's model draws",
        "version": "names a model of Midjourney's and changes nothing: the request's model draws",
    }
)
"""Those that do no harm where they change nothing: the job's notes say so."""


def unknown(said: SpelledParameter) -> InvalidRequest:
    """What is to be raised for a parameter that there is not."""
    close = get_close_matches(said.name[:40], READERS, n=1)
    hint = f"did you mean '--{close[0]}'? There" if close else "there"
    listed = ", ".join(f"--{name}" for name in READERS)
    return refused(f"there is no parameter '--{said.name[:40]}'; {hint} are {listed}", code="unknown_parameter")
