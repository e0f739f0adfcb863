r"""`a {red, blue} bird`: one prompt that is several, one for each choice. `\{`, `\}` and `\,` are plain signs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

from app.jobs.prompt_parameters.refusals import refused
from core.errors import InvalidRequest

MOST_JOBS: Final = 40
"""That one prompt may make."""

DEEPEST: Final = 8
"""Braces within braces."""

TOKEN: Final = re.compile(r"\\[{},]|[{},]|[^\\{},]+|\\")


@dataclass(frozen=True, slots=True)
class Permutation:
    """One of the prompts, and what was `chosen` for it, brace by brace."""

    text: str
    chosen: tuple[str, ...] = ()


Sequence = list["str | Choice"]
"""What stands side by side."""


@dataclass(slots=True)
class Choice:
    """A pair of braces: what may stand there."""

    options: list[Sequence]


def permutations(prompt: str) -> tuple[Permutation, ...]:
    """All prompts that `prompt` is, the first brace changing slowest. Raises InvalidRequest, also for too many."""
    sequence = _parsed(prompt)
    count = _count(sequence)
    if count > MOST_JOBS:
        raise too_many(count)
    return tuple(_written(sequence))


def too_many(count: int) -> InvalidRequest:
    """What is to be raised for a prompt that makes `count` jobs."""
    said = f"{count:,}" if count <= 1_000_000 else "more than a million"
    return refused(f"the prompt makes {said} jobs, over the {MOST_JOBS} of one group: give fewer choices in braces")


def _parsed(prompt: str) -> Sequence:
    whole: Sequence = []
    stack: list[Choice] = []
    current = whole
    outer: list[Sequence] = []
    for sign in TOKEN.findall(prompt):
        if sign == "{":
            if len(stack) == DEEPEST:
                raise refused(f"braces are nested more than {DEEPEST} deep")
            choice = Choice([[]])
            current.append(choice)
            stack.append(choice)
            outer.append(current)
            current = choice.options[0]
        elif sign == "}":
            if not stack:
                raise refused(r"a '}' closes no brace: write {a, b} for a choice, or \} for the sign itself")
            if stack.pop().options == [[]]:
                raise refused(r"'{}' gives nothing to choose from: write {a, b}, or \{ and \} for the signs themselves")
            current = outer.pop()
        elif sign == "," and stack:
            current = []
            stack[-1].options.append(current)
        else:
            current.append(sign[1:] if len(sign) == 2 and sign[0] == "\\" else sign)
    if stack:
        raise refused(r"a '{' is never closed: write {a, b} for a choice, or \{ for the sign itself")
    return whole


def _count(sequence: Sequence) -> int:
    return math.prod(sum(map(_count, part.options)) for part in sequence if isinstance(part, Choice))


def _written(sequence: Sequence) -> Iterator[Permutation]:
    for parts in product(*(_choices(part) for part in sequence)):
        text = "".join(part.text for part in parts)
        yield Permutation(text, tuple(each for part in parts for each in part.chosen))


def _choices(part: str | Choice) -> list[Permutation]:
    if isinstance(part, str):
        return [Permutation(part)]
    written = [each.text.strip() for option in part.options for each in _written(option)]
    return [Permutation(text, (text,)) for text in written]
