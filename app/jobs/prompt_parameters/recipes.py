"""What each parameter comes to on a model: fields of an ordinary request, and a note where it changes nothing.

docs/midjourney.md has the same as a table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.jobs.prompt_parameters.refusals import refused
from app.jobs.prompt_parameters.said import Said
from core.catalog.model import Model
from core.tasks.diffusion import MAX_GUIDANCE

USUAL_STYLIZE: Final = 100
RAW_SHARE: Final = 0.5
"""Of what `--stylize` says, with `--raw`."""

FEW_STEPS: Final = 8
"""A model that draws in as many is fast as it is."""

DRAFT_SHARE: Final = 0.5
MOST_STRETCH: Final = 1.05
"""A shape that differs by more from the one asked for is told."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one parameter does: to the task's `parameters` and to the `options` of the request."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


Recipe = Callable[[Said, Mapping[str, Any], Model], Iterator[Change]]
"""From what is said, and the parameters that the request itself gives."""


def changes_of(said: Said, given: Mapping[str, Any], model: Model) -> tuple[Change, ...]:
    """All changes that `said` makes for `model`. Raises InvalidRequest for what it cannot do."""
    return tuple(change for recipe in RECIPES for change in recipe(said, given, model))


def guided_by(stylize: float, guidance: float) -> float:
    """The guidance scale that a `--stylize` of 0 to 1000 makes of a model's own; 100 is just that.

    What guides lies above 1: that much of it is taken 0.6 times at 0 and once at 100, in a straight line, and then by
    0.5 more for each tenfold.
    """
    if stylize <= USUAL_STYLIZE:
        factor = 0.6 + 0.4 * stylize / USUAL_STYLIZE
    else:
        factor = 1 + 0.5 * math.log10(stylize / USUAL_STYLIZE)
    return min(float(MAX_GUIDANCE), round(1 + (guidance - 1) * factor, 2))


def _shape(said: Said, given: Mapping[str, Any], model: Model) -> Iterator[Change]:
    if said.ratio is None:
        return
    wanted = said.ratio[0] / said.ratio[1]
    width, height = model.size.shaped(wanted)
    stretch = width / height / wanted
    name, notes = said.name("ratio"), list[str]()
    if max(stretch, 1 / stretch) > MOST_STRETCH:
        notes.append(f"'{name}' became {width}x{height}, the nearest shape that model '{model.id}' draws")
    yield Change(name, {"width": width, "height": height}, notes=(*notes,))


def _guidance(said: Said, given: Mapping[str, Any], model: Model) -> Iterator[Change]:
    name = " ".join(said.spelled[each] for each in ("raw", "stylize") if each in said.spelled)
    if not name:
        return
    stylize = (USUAL_STYLIZE if said.stylize is None else said.stylize) * (RAW_SHARE if said.raw else 1)
    if model.guidance_scale <= 1 and "guidance_scale" not in given:
        yield Change(name, notes=(f"'{name}' changes nothing: model '{model.id}' draws without guidance",))
    else:
        yield Change(name, {"guidance_scale": guided_by(stylize, model.guidance_scale)})


def _style(said: Said, given: Mapping[str, Any], model: Model) -> Iterator[Change]:
    if said.raw:
        yield Change(said.name("raw"), options={"style": None})
    if said.style is None:
        return
    if said.raw:
        raise refused(f"'{said.name('raw')}' leaves out every style, and '{said.name('style')}' asks for one")
    if said.style not in model.styles:
        has = f"it has raw, {', '.join(model.styles)}" if model.styles else "it has raw only"
        raise refused(f"'--style {said.style[:40]}' is no style of model '{model.id}': {has}", code="unsupported_value")
    yield Change(said.name("style"), options={"style": said.style})


def _steps(said: Said, given: Mapping[str, Any], model: Model) -> Iterator[Change]:
    usual = model.num_inference_steps
    if said.quality is not None and said.draft:
        raise refused(f"'{said.name('quality')}' and '{said.name('draft')}' both say how many steps: leave one out")
    if said.quality is not None:
        name, wanted = said.name("quality"), max(1, round(usual * said.quality))
        steps = min(model.max_steps, wanted)
        notes = (f"'{name}' became {steps} steps, the most of model '{model.id}'",) if steps < wanted else ()
        yield Change(name, {"num_inference_steps": steps}, notes=notes)
    elif said.draft and usual <= FEW_STEPS:
        told = f"'{said.name('draft')}' changes nothing: model '{model.id}' draws in {usual} steps anyway"
        yield Change(said.name("draft"), notes=(told,))
    elif said.draft:
        yield Change(said.name("draft"), {"num_inference_steps": math.ceil(usual * DRAFT_SHARE)})


def _as_they_are(said: Said, given: Mapping[str, Any], model: Model) -> Iterator[Change]:
    """Those that have a field of their own."""
    for name in ("chaos", "weird", "tiling"):
        value = getattr(said, name)
        if value is not None:
            yield Change(said.name(name), {name: value})
    for name in ("seed", "priority"):
        value = getattr(said, name)
        if value is not None:
            yield Change(said.name(name), options={name: value})
    if said.theirs:
        yield Change(said.theirs[0], notes=said.theirs)


RECIPES: Final[tuple[Recipe, ...]] = (_shape, _guidance, _style, _steps, _as_they_are)
