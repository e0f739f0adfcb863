"""Weights in a prompt, as AUTOMATIC1111's users write them: `(word)`, `(word:1.3)`, `[word]`, `BREAK`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from typing import Final

FACTORS: Final = {"(": 1.1, "[": 1 / 1.1}
"""What a pair of brackets multiplies by where it says no number."""

OPENED_BY: Final = {")": "(", "]": "["}

DEEPEST: Final = 32
"""Brackets nested deeper are plain text: what they enclose is gone over once for each of them."""

TOKEN: Final = re.compile(
    r"\\[()\[\]\\]|\\|\(|\[|:\s*(?P<weight>[+-]?(?:\d+\.?\d*|\.\d+))\s*\)|\)|\]|[^\\()\[\]:]+|:", re.DOTALL
)
BREAK: Final = re.compile(r"\s*\bBREAK\b\s*")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a prompt, and how much it counts; 1 is as usual."""

    text: str
    weight: float = 1.0


Passage = tuple[Piece, ...]
"""What stands between two `BREAK`s."""

Part = tuple[str | None, float]
"""A text and its weight; None for a `BREAK`."""


def passages(prompt: str) -> tuple[Passage, ...]:
    r"""What a weighted prompt says; there is at least one passage, and no two neighbours in it weigh the same.

    The language is that of AUTOMATIC1111's `parse_prompt_attention`: round brackets multiply by 1.1 or by the number
    behind a colon, square ones divide by 1.1, a backslash makes a bracket plain text, and brackets that are never
    closed reach to the end.
    """
    found: list[Part] = []
    starts: dict[str, list[int]] = {"(": [], "[": []}
    for match in TOKEN.finditer(prompt):
        said, weight = match[0], match["weight"]
        bracket = OPENED_BY.get(said) if weight is None else "("
        if said in starts and sum(map(len, starts.values())) < DEEPEST:
            starts[said].append(len(found))
        elif bracket is not None and starts[bracket]:
            weigh(found, starts[bracket].pop(), FACTORS[bracket] if weight is None else float(weight))
        else:
            found += parts_of(said)
    for bracket, opened in starts.items():
        for start in opened:
            weigh(found, start, FACTORS[bracket])
    return tuple(merged(list(group)) for breaks, group in groupby(found, key=is_break) if not breaks) or ((),)


def parts_of(said: str) -> list[Part]:
    """Plain text, with `BREAK`s or without the backslash before it."""
    if len(said) > 1 and said[0] == "\\":
        return [(said[1], 1.0)]
    first, *others = BREAK.split(said)
    return [(first, 1.0), *(part for other in others for part in ((None, 1.0), (other, 1.0)))]


def weigh(found: list[Part], start: int, factor: float) -> None:
    """Multiply all from `start` on."""
    found[start:] = [(text, weight * factor) for text, weight in found[start:]]


def is_break(part: Part) -> bool:
    """Whether `part` only parts two passages."""
    return part[0] is None


def merged(parts: list[Part]) -> Passage:
    """`parts` as pieces, neighbours of one weight as one: words may run over brackets that change nothing."""
    weighed = groupby((part for part in parts if part[0]), key=lambda part: round(part[1], 6))
    return tuple(Piece("".join(text or "" for text, _ in group), weight) for weight, group in weighed)


def without_weights(prompt: str) -> str:
    """What a weighted prompt says in plain words."""
    return " ".join("".join(piece.text for piece in passage) for passage in passages(prompt))
