"""`a cat::2 a dog::1 fog::-0.5`: the parts of a prompt, and how much each counts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from app.jobs.prompt_parameters.refusals import refused

MARK: Final = re.compile(r"::(?:(?P<weight>[+-]?(?:[0-9]{1,6}(?:\.[0-9]{0,6})?|\.[0-9]{1,6}))(?=[\s,]|$))?")
"""Two colons, and the weight of what stands before them; 1 where no number follows at once."""


@dataclass(frozen=True, slots=True)
class Part:
    """Words, and their weight against the others'; below 0 they are to be kept out."""

    text: str
    weight: float = 1.0


def parts_of(words: str) -> tuple[Part, ...]:
    """The parts in their order; what counts nothing is left out. Raises InvalidRequest."""
    found: list[Part] = []
    start = 0
    for mark in MARK.finditer(words):
        text = _plain(words[start : mark.start()])
        if not text:
            raise refused(f"'{mark[0]}' weighs nothing: write words before it, such as 'a cat::2 a dog::1'")
        found.append(Part(text, float(mark["weight"] or 1)))
        start = mark.end()
    rest = _plain(words[start:]) if found else " ".join(words.split())
    if rest:
        found.append(Part(rest))
    total = sum(part.weight for part in found)
    if found and total <= 0:
        raise refused(f"the weights behind '::' add up to {total:g}: they must add up to more than 0")
    return tuple(part for part in found if part.weight)


def _plain(text: str) -> str:
    return " ".join(text.split()).strip(" ,")
