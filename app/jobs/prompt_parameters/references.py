"""Pictures of a prompt as guides: those at its start, and those of `--sref`, by whatever reads pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from app.jobs.guides import WantedGuide
from app.jobs.prompt_parameters.pictures import shares
from app.jobs.prompt_parameters.reading import Reading
from app.jobs.prompt_parameters.refusals import refused
from app.jobs.request import JobRequest
from app.jobs.sources import OpenedFile, Source
from core.catalog.adapter import FOR_REFERENCES
from core.catalog.catalog import Catalog
from core.catalog.model import Model
from core.tasks import REFERENCE

USUAL_STYLE_WEIGHT: Final = 100


def style_strength(weight: float) -> float:
    """The weight of a guide for a `--sw` of 0 to 1000: 100 is 1, and 1000, above which is nothing, is 2."""
    if weight <= USUAL_STYLE_WEIGHT:
        return round(weight / USUAL_STYLE_WEIGHT, 3)
    return round(1 + (weight - USUAL_STYLE_WEIGHT) / 900, 3)


def guided(
    wanted: JobRequest, reading: Reading, model: Model, catalog: Catalog, opened: Callable[[Source], OpenedFile]
) -> JobRequest:
    """`wanted` with the pictures of its prompt. Raises InvalidRequest where none would be read, or nothing weighed."""
    said = reading.said
    if said.sw is not None and not said.sref:
        raise refused(f"'{said.name('sw')}' weighs the pictures of --sref, and there is none")
    kept = _weighed(wanted, reading) if said.iw is not None else wanted.guides
    groups = (
        (reading.pictures, said.iw, "a picture at the start of the prompt"),
        (said.sref, None if said.sw is None else style_strength(said.sw), "'--sref'"),
    )
    new: list[WantedGuide] = []
    for pictures, weight, name in groups:
        if pictures and not model.references and not catalog.adapters_of(model, FOR_REFERENCES):
            raise refused(
                f"{name}: model '{model.id}' takes no picture to go by, and no adapter of this server reads one",
                code="unsupported_value",
            )
        even = len({picture.weight for picture in pictures}) <= 1
        for picture, share in zip(pictures, shares(pictures) if pictures else (), strict=True):
            strength = weight if even else round((1.0 if weight is None else weight) * share, 3)
            file = opened(picture.source)
            new.append(WantedGuide(role=REFERENCE.name, opened=file, param="prompt", weight=strength, any_adapter=True))
    count = len(new) + sum(guide.role == REFERENCE.name for guide in kept)
    if new and count > REFERENCE.most:
        raise refused(f"there are {count} pictures to go by, over the {REFERENCE.most} of one generation")
    return replace(wanted, guides=[*kept, *new], notes=(*wanted.notes, *_notes(reading, new, model)))


def _weighed(wanted: JobRequest, reading: Reading) -> list[WantedGuide]:
    """The guides that came beside the prompt: `--iw` weighs those of whose weight nothing is said."""
    said, references = reading.said, [guide for guide in wanted.guides if guide.role == REFERENCE.name]
    if not references and not reading.pictures:
        raise refused(f"'{said.name('iw')}' weighs the pictures at the start of the prompt, and there is none")
    other = next((guide for guide in references if guide.weight not in (None, said.iw)), None)
    if other is not None and not reading.pictures:
        raise refused(f"'{said.name('iw')}' and the weight {other.weight:g} of '{other.param}' contradict each other")
    return [
        replace(guide, weight=said.iw) if guide.role == REFERENCE.name and guide.weight is None else guide
        for guide in wanted.guides
    ]


def _notes(reading: Reading, new: list[WantedGuide], model: Model) -> tuple[str, ...]:
    said, notes = reading.said, []
    if said.sref:
        notes.append("'--sref' is read as a whole: what it shows guides along with its style")
    if new and model.references:
        notes += [
            f"'{said.name(name)}' changes nothing: model '{model.id}' reads pictures itself, by no weight"
            for name in ("iw", "sw")
            if getattr(said, name) is not None
        ]
    return tuple(notes)
