"""From a prompt to what it asks for, job by job, whatever the model. Opens nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.jobs.prompt_parameters.parts import Part, parts_of
from app.jobs.prompt_parameters.permutations import MOST_JOBS, Permutation, permutations, too_many
from app.jobs.prompt_parameters.pictures import NamedPicture, leading_pictures
from app.jobs.prompt_parameters.refusals import refused
from app.jobs.prompt_parameters.said import NAMES, Said, said_by
from app.jobs.prompt_parameters.spelling import spelled
from app.jobs.sources import Source

__all__ = ["MOST_JOBS", "Reading", "readings_of"]

MOST_LABEL: Final = 200
"""Characters of what tells one job of a prompt from the others."""

MOST_PICTURES: Final = 8
"""Different ones that one prompt may name: all of them are open at a time."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One job that a prompt asks for. `label` is what it has and the prompt's other jobs have not.

    `repeat` is how many equal ones come before it.
    """

    label: str
    pictures: tuple[NamedPicture, ...]
    parts: tuple[Part, ...]
    said: Said
    repeat: int = 0

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where its pictures are, those of `--sref` behind the others."""
        return tuple(picture.source for picture in (*self.pictures, *self.said.sref))


def readings_of(prompt: str) -> tuple[Reading, ...]:
    """All jobs of a prompt, MOST_JOBS at most. Raises InvalidRequest, naming what is wrong in it."""
    readings = [_reading(permutation) for permutation in permutations(prompt)]
    count = sum(reading.said.repeat for reading in readings)
    if count > MOST_JOBS:
        raise too_many(count)
    sources = {source for reading in readings for source in reading.sources}
    if len(sources) > MOST_PICTURES:
        raise refused(f"the prompt names {len(sources)} pictures, over the limit of {MOST_PICTURES}")
    return tuple(again for reading in readings for again in _repeated(reading))


def _reading(permutation: Permutation) -> Reading:
    before, parameters = spelled(permutation.text, NAMES)
    pictures, words = leading_pictures(before)
    said, parts = said_by(parameters), parts_of(words)
    label = " ".join(", ".join(filter(None, permutation.chosen)).split())
    return Reading(label[:MOST_LABEL], pictures, parts, said)


def _repeated(reading: Reading) -> list[Reading]:
    times = reading.said.repeat
    if times == 1:
        return [reading]
    return [
        Reading(f"{reading.label} #{place + 1}".strip(), reading.pictures, reading.parts, reading.said, place)
        for place in range(times)
    ]
