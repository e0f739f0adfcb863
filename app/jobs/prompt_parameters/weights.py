"""The parts of a prompt as one prompt of the model's: weights in its own syntax, what counts below 0 kept out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.jobs.prompt_parameters.parts import Part
from app.jobs.prompt_parameters.refusals import refused
from core.catalog.model import Model

MOST_WEIGHT: Final = 2.0
"""Of one part against the mean of all: more of it breaks the picture."""

SPECIAL: Final = re.compile(r"([()\[\]\\])")


@dataclass(frozen=True, slots=True)
class Words:
    """The prompt, what its parts add to the negative prompt, and the syntax that is needed to read both."""

    prompt: str
    negative: tuple[str, ...] = ()
    weighted: bool = False
    notes: tuple[str, ...] = ()


def words_of(parts: Sequence[Part], given: Mapping[str, Any], model: Model) -> Words:
    """`parts` for `model`; `given` are the request's own parameters. Raises InvalidRequest where weights cannot be had.

    A weight counts against the mean of those above 0, so that `a::2 b::1` and `a::4 b::2` are one.
    """
    wanted, unwanted = [part for part in parts if part.weight > 0], [part for part in parts if part.weight < 0]
    if unwanted and not model.negative_prompt:
        raise refused(
            f"'{unwanted[0].text[:40]}::{unwanted[0].weight:g}': model '{model.id}' takes no negative prompt, so no "
            "part can count below 0"
        )
    mean = sum(part.weight for part in wanted) / len(wanted) if wanted else 1.0
    shares = [round(part.weight / mean, 2) for part in wanted]
    syntax = given.get("prompt_syntax") or model.prompt_syntax
    able = model.takes_weights and given.get("prompt_syntax") != "plain"
    if any(share != 1 for share in shares) and not able:
        takes = "prompt_syntax is 'plain'" if model.takes_weights else f"model '{model.id}' takes no weights"
        raise refused(f"'{wanted[0].text[:40]}::{wanted[0].weight:g}': {takes}: leave out the numbers behind '::'")
    counts = {part: round(-part.weight / mean, 2) for part in unwanted}
    weighted = able and any(share != 1 for share in (*shares, *counts.values()))
    notes = []
    if len(wanted) > 1 and not weighted:
        notes.append(f"'::' parts nothing here: model '{model.id}' reads the parts as one text")
    if any(share > MOST_WEIGHT for share in shares):
        notes.append(f"'::' weighs no part more than {MOST_WEIGHT:g} times the others' mean: more breaks the picture")
    if unwanted and not able and any(share != 1 for share in counts.values()):
        notes.append("'::' keeps out what counts below 0 as a whole: its weights cannot be had")
    literal = weighted and syntax != "weighted"
    return Words(
        prompt=", ".join(
            _written(part.text, min(share, MOST_WEIGHT), weighted=weighted, literal=literal)
            for part, share in zip(wanted, shares, strict=True)
        ),
        negative=tuple(
            _written(part.text, min(counts[part], MOST_WEIGHT), weighted=weighted, literal=literal) for part in unwanted
        ),
        weighted=literal,
        notes=tuple(notes),
    )


def literally(text: str) -> str:
    """`text` in weighted syntax, where its brackets are to be brackets."""
    return SPECIAL.sub(r"\\\1", text)


def _written(text: str, share: float, *, weighted: bool, literal: bool) -> str:
    said = literally(text) if literal else text
    return f"({said}:{share:g})" if weighted and share != 1 else said
