"""A request whose prompt is written in Midjourney's syntax, as the ordinary requests that it asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from app.jobs.prompt_parameters.reading import Reading, readings_of
from app.jobs.prompt_parameters.recipes import Change, changes_of
from app.jobs.prompt_parameters.references import guided
from app.jobs.prompt_parameters.refusals import refused
from app.jobs.prompt_parameters.weights import literally, words_of
from app.jobs.request import JobRequest, task_and_model
from app.jobs.sources import OpenedFile, OpenFiles, Source
from core.catalog.catalog import Catalog
from core.catalog.model import Model
from core.errors import InvalidRequest
from core.jobs import MAX_SEED, RANDOM_SEED, Priority
from core.tasks import REFERENCE

NEUTRAL: Final[Mapping[str, Any]] = {"seed": (None, RANDOM_SEED), "priority": (Priority.NORMAL,), "style": (None,)}
"""Options of a request that say nothing, so that a parameter may."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the requests; `label` is what it has and the others have not."""

    label: str
    request: JobRequest


def variants_of(wanted: JobRequest, catalog: Catalog, opening: OpenFiles) -> tuple[Variant, ...]:
    """All requests that the prompt of `wanted` asks for, 40 at most; a task that takes none asks for itself.

    Raises NotFound, PayloadTooLarge or InvalidRequest; for what is wrong in the prompt, `param` is `prompt`.
    """
    prompt = wanted.parameters.get("prompt")
    if prompt is None:
        return (Variant("", wanted),)
    readings = readings_of(str(prompt))
    _, model = task_and_model(wanted, catalog)
    opened = cache(lambda source: opening.open(source, "prompt"))
    return tuple(Variant(each.label, _applied(each, wanted, model, catalog, opened)) for each in readings)


def only(wanted: JobRequest, catalog: Catalog, opening: OpenFiles) -> JobRequest:
    """The one request that the prompt of `wanted` asks for. Raises what `variants_of` does, and for more than one."""
    prompt = wanted.parameters.get("prompt")
    count = 1 if prompt is None else len(readings_of(str(prompt)))
    if count > 1:
        raise refused(f"the prompt makes {count} jobs, and this address takes one: send it to POST /v1/groups")
    return variants_of(wanted, catalog, opening)[0].request


def _applied(
    reading: Reading,
    wanted: JobRequest,
    model: Model,
    catalog: Catalog,
    opened: Callable[[Source], OpenedFile],
) -> JobRequest:
    given = {name: value for name, value in wanted.parameters.items() if value is not None}
    if not (reading.parts or reading.sources or any(guide.role == REFERENCE.name for guide in wanted.guides)):
        raise refused("the prompt says nothing to draw: words stand before its parameters")
    words = words_of(reading.parts, given, model)
    changes = changes_of(reading.said, given, model)
    for change in changes:
        _check(change, wanted, given)
    told = {**given, **{name: value for change in changes for name, value in change.parameters.items()}}
    options = {name: value for change in changes for name, value in change.options.items()}
    negative = _negative(reading, given, words.negative, model, weighted=words.weighted)
    told |= {"prompt": words.prompt, **({"negative_prompt": negative} if negative else {})}
    if words.weighted:
        told["prompt_syntax"] = "weighted"
    notes = (*words.notes, *(note for change in changes for note in change.notes), *_unheard(reading, told, model))
    changed = replace(wanted, parameters=told, notes=(*wanted.notes, *notes), **options)
    return guided(_moved_on(changed, reading), reading, model, catalog, opened)


def _check(change: Change, wanted: JobRequest, given: Mapping[str, Any]) -> None:
    """Raise InvalidRequest where the request itself says something else than the parameter."""
    for name, value in change.parameters.items():
        if given.get(name, value) != value:
            raise _contradiction(f"'{change.name}' in the prompt, which is {name} {value},", name, given[name])
    for name, value in change.options.items():
        said = getattr(wanted, name)
        if said not in NEUTRAL[name] and said != value:
            raise _contradiction(f"'{change.name}' in the prompt", name, said)


def _contradiction(parameter: str, name: str, said: object) -> InvalidRequest:
    return refused(
        f"{parameter} and the field '{name}' ({str(said)[:40]}) contradict each other: leave one of them out"
    )


def _negative(
    reading: Reading, given: Mapping[str, Any], parts: tuple[str, ...], model: Model, *, weighted: bool
) -> str:
    """The request's own negative prompt, `--no`, and what counts below 0; plain text is put into weighted syntax."""
    unwanted = reading.said.no
    if unwanted and not model.negative_prompt:
        raise refused(f"'{reading.said.name('no')}': model '{model.id}' takes no negative prompt")
    before = [each for each in (str(given.get("negative_prompt", "")), ", ".join(unwanted)) if each]
    return ", ".join([*(literally(each) if weighted else each for each in before), *parts])


def _unheard(reading: Reading, told: Mapping[str, Any], model: Model) -> tuple[str, ...]:
    """That nothing can be kept out without guidance."""
    names = [*(["no"] if reading.said.no else []), *(["::"] if any(part.weight < 0 for part in reading.parts) else [])]
    if told.get("guidance_scale", model.guidance_scale) > 1:
        return ()
    shown = {"no": reading.said.name("no"), "::": "::"}
    return tuple(f"'{shown[name]}' keeps nothing out: model '{model.id}' draws without guidance" for name in names)


def _moved_on(wanted: JobRequest, reading: Reading) -> JobRequest:
    """Of several equal jobs with a seed, each takes the seeds behind those of the one before."""
    if wanted.seed in (None, RANDOM_SEED) or not reading.repeat:
        return wanted
    return replace(wanted, seed=(wanted.seed + reading.repeat * wanted.n) % (MAX_SEED + 1))
