"""What can be made of a finished picture: jobs like its own, that start from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from app.jobs.adapters import WantedLora
from app.jobs.guides import WantedGuide
from app.jobs.placement import Placement
from app.jobs.request import JobRequest
from app.jobs.sources import EarlierOutput, InlineFile, OpenedFile, OpenFiles, Source
from core.catalog.catalog import Catalog
from core.catalog.model import Model
from core.errors import NotFound
from core.jobs import GenerationRequest, Job
from core.media import IMAGE
from core.results import ResultStore
from core.tasks import GUIDES, REFERENCE, Role, implied_task, task_named
from core.tasks.diffusion import DiffusionParameters

STRENGTHS: Final = {"subtle": 0.35, "strong": 0.7}
"""How much of a picture a variation draws anew."""

SIZE: Final = ("width", "height")

FEWEST_STEPS: Final = 3
"""That are to be done of a picture's denoising: fewer do next to nothing."""


MOST_STEPS_BACK: Final = 8
"""From a picture that was enlarged or cut out to the one that was drawn."""


@dataclass(frozen=True, slots=True)
class Parents:
    """The picture `index` of `job`, and what it is opened with.

    `drawn` is the request that it was drawn by: of one that was enlarged or cut out, that of the picture before. None
    where that is gone, or there was none.
    """

    job: Job
    index: int
    drawn: GenerationRequest | None
    catalog: Catalog
    opening: OpenFiles
    results: ResultStore

    @property
    def model(self) -> Model:
        """That which drew it, else the default. Raises NotFound where it is gone."""
        return self.catalog.model(self.drawn.model if self.drawn else None)

    @property
    def shown_size(self) -> tuple[int, int]:
        """Width and height of the picture in pixels."""
        facts = next(output.facts for output in self.job.outputs if output.index == self.index)
        return int(facts["width"]), int(facts["height"])

    @property
    def size(self) -> tuple[int, int]:
        """The same; of a picture that its model could not draw, what it could."""
        width, height = self.shown_size
        grid = self.model.size
        if (grid.nearest(width), grid.nearest(height)) == (width, height):
            return width, height
        return grid.fitted(width, height)

    def opened(self) -> OpenedFile:
        """Raises NotFound or InvalidRequest."""
        return self.opening.open(EarlierOutput(self.job.id, self.index), "index")


def request_drawing(job: Job, find: Callable[[str], Job | None]) -> GenerationRequest | None:
    """The request that the pictures of `job` were drawn by, through those that they were made from; None if it is gone.

    `find` gives a job of the same owner.
    """
    at: Job | None = job
    for _ in range(MOST_STEPS_BACK):
        if at is None or isinstance(at.request.parameters, DiffusionParameters):
            break
        at = find(at.request.parents[0].generation) if at.request.parents else None
    return at.request if at is not None and isinstance(at.request.parameters, DiffusionParameters) else None


def again(parents: Parents, changes: Mapping[str, Any]) -> JobRequest:
    """The same request once more, from what it started from, with other seeds."""
    request = parents.job.request
    inputs: dict[str, list[OpenedFile]] = {}
    for given in request.inputs:
        if given.guide is None:
            inputs.setdefault(given.role, []).append(_kept(parents, given.key, given.role))
    told = request.parameters.model_dump()
    return _like(parents, request, request.task, {**told, **changes}, inputs, guides=_guides(parents, request))


def varied(parents: Parents, strength: float, changes: Mapping[str, Any], mask: Source | None = None) -> JobRequest:
    """The picture drawn over, more or less of it anew; with a `mask`, just where that is white."""
    inputs = {"image": [parents.opened()]}
    if mask is not None:
        inputs["mask"] = [parents.opening.open(mask, "mask")]
    width, height = parents.size
    told = {**_words(parents), **_steps(parents, strength), "width": width, "height": height, "strength": strength}
    guides = _guides(parents, parents.drawn)
    return _like(parents, parents.drawn, implied_task(inputs).name, {**told, **changes}, inputs, guides=guides)


def extended(parents: Parents, placement: Placement, changes: Mapping[str, Any]) -> JobRequest:
    """The picture on a larger canvas, whose rest is drawn."""
    placed = parents.opened().placed(placement.box)
    inputs = {"image": [placed], "mask": [placed.read_as("outside")]}
    told = {**_words(parents), "width": placement.width, "height": placement.height}
    guides = _references(parents)
    return _like(parents, parents.drawn, implied_task(inputs).name, {**told, **changes}, inputs, guides=guides)


def enlarged_anew(parents: Parents, scale: float, changes: Mapping[str, Any]) -> JobRequest:
    """The picture larger, and a little of it drawn anew by the model that drew it."""
    told = {name: value for name, value in _words(parents).items() if name != "tiling"} | {"scale": scale}
    inputs = {"image": [parents.opened()]}
    made = _like(parents, parents.drawn, "creative-upscale", {**told, **changes}, inputs, guides=_references(parents))
    tiles = getattr(parents.drawn and parents.drawn.parameters, "tiling", False)
    return replace(made, notes=("its copies join no more: it is drawn over tile by tile",)) if tiles else made


def transformed(parents: Parents, task: str, model: str | None, parameters: Mapping[str, Any]) -> JobRequest:
    """What a network makes of the picture: its own words are no matter. A picture comes in the format that it has."""
    opened, had, made = parents.opened(), parents.job.request.output, task_named(task).medium
    keeps = made.format(had.format) is not None and made.name == IMAGE.name
    return JobRequest(
        task=task,
        model=model,
        parameters=parameters,
        inputs={"image": [opened]},
        format=had.format if keeps else None,
        quality=had.quality if keeps else None,
        notes=("what was transparent was laid on white",) if opened.picture.is_clear else (),
        fingerprint="",
        origin=_origin(parents),
    )


def _origin(parents: Parents) -> GenerationRequest | None:
    """What drew the picture, without the files that it started from: they are not the recipe's to keep."""
    request = parents.job.request
    if request.origin is not None:
        return request.origin
    if parents.drawn is not request:
        return parents.drawn and parents.drawn.evolve(inputs=())
    seed = next(output.seed for output in parents.job.outputs if output.index == parents.index)
    return request.evolve(inputs=(), seeds=(seed,))


def model_doing(task: str, catalog: Catalog, allowed: Callable[[str], bool]) -> str | None:
    """The first model that does `task` and is `allowed`; None if there is none."""
    return next((model.id for model in catalog.models if task in model.tasks and allowed(model.id)), None)


def upscaler_for(catalog: Catalog, scale: float, allowed: Callable[[str], bool]) -> str | None:
    """The model that enlarges by `scale`, else by the least that is more, else by the most; None if there is none."""
    able = [
        (model.scale, model.id)
        for model in catalog.models
        if model.scale is not None and allowed(model.id) and (not model.draws or model.scale == scale)
    ]
    fitting = [each for each in able if each[0] >= scale] or [max(able)] if able else []
    return min(fitting)[1] if fitting else None


def _like(
    parents: Parents,
    request: GenerationRequest | None,
    task: str,
    parameters: Mapping[str, Any],
    inputs: Mapping[str, Sequence[OpenedFile]],
    guides: Sequence[WantedGuide] = (),
) -> JobRequest:
    output = parents.job.request.output
    return JobRequest(
        task=task,
        model=request.model if request else None,
        parameters=parameters,
        loras=[WantedLora(each.id, each.weight) for each in (request.adapters if request else ())],
        inputs=inputs,
        guides=guides,
        format=output.format,
        quality=output.quality,
        fingerprint="",
    )


def _words(parents: Parents) -> dict[str, Any]:
    """What the parent was told that any task of its model takes."""
    told = parents.drawn.parameters.model_dump() if parents.drawn else {}
    return {name: told[name] for name in DiffusionParameters.model_fields if name in told and name not in SIZE}


def _steps(parents: Parents, strength: float) -> dict[str, Any]:
    """As many as the parent's, and enough that some are done of the share that is drawn anew."""
    steps = parents.drawn.parameters.steps if parents.drawn else parents.model.num_inference_steps
    return {"num_inference_steps": min(parents.model.max_steps, max(steps, math.ceil(FEWEST_STEPS / strength)))}


def _guides(parents: Parents, request: GenerationRequest | None, roles: Sequence[Role] = GUIDES) -> list[WantedGuide]:
    """What guided the picture that `request` drew, as its model was shown it; of those `roles`."""
    names = {role.name for role in roles}
    return [
        WantedGuide(
            role=given.role,
            opened=_kept(parents, given.key, given.role),
            param=f"inputs.{given.role}.{given.index}",
            adapter=given.guide.adapter,
            weight=given.guide.weight,
            start=given.guide.start,
            end=given.guide.end,
            mode=given.guide.mode,
            preprocessor="none",
        )
        for given in (request.inputs if request else ())
        if given.guide is not None and given.role in names
    ]


def _references(parents: Parents) -> list[WantedGuide]:
    """What the picture was drawn by going by: shapes that it followed are no more where they were."""
    return _guides(parents, parents.drawn, (REFERENCE,))


def _kept(parents: Parents, key: str, role: str) -> OpenedFile:
    """A copy of what the parent started from. Raises NotFound where it is gone."""
    try:
        content = parents.results.read(key)
    except FileNotFoundError as error:
        raise NotFound(f"the {role} that the generation started from is gone", code="input_not_found") from error
    return parents.opening.open(InlineFile(content), f"inputs.{role}", ours=True)
