"""What can be made of a finished picture: jobs like its own, that start from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.jobs.adapters import WantedLora
from app.jobs.guides import WantedGuide
from app.jobs.placement import Placement
from app.jobs.request import JobRequest
from app.jobs.sources import EarlierOutput, InlineFile, OpenedFile, OpenFiles, Source
from core.catalog.catalog import Catalog
from core.catalog.model import Model
from core.errors import NotFound
from core.jobs import Job
from core.results import ResultStore
from core.tasks import implied_task

STRENGTHS: Final = {"subtle": 0.35, "strong": 0.7}
"""How much of a picture a variation draws anew."""

FEWEST_STEPS: Final = 3
"""That are to be done of a picture's denoising: fewer do next to nothing."""


@dataclass(frozen=True, slots=True)
class Parents:
    """The picture `index` of `job`, and what it is opened with."""

    job: Job
    index: int
    catalog: Catalog
    opening: OpenFiles
    results: ResultStore

    @property
    def model(self) -> Model:
        """That which drew it. Raises NotFound where it is gone."""
        return self.catalog.model(self.job.request.model)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture, in pixels."""
        facts = next(output.facts for output in self.job.outputs if output.index == self.index)
        return int(facts["width"]), int(facts["height"])

    def opened(self) -> OpenedFile:
        """Raises NotFound or InvalidRequest."""
        return self.opening.open(EarlierOutput(self.job.id, self.index), "index")


def again(parents: Parents, changes: Mapping[str, Any]) -> JobRequest:
    """The same request once more, from what it started from, with other seeds."""
    request = parents.job.request
    inputs: dict[str, list[OpenedFile]] = {}
    for given in request.inputs:
        if given.guide is None:
            inputs.setdefault(given.role, []).append(_kept(parents, given.key, given.role))
    told = request.parameters.model_dump()
    return _like(parents, request.task, {**told, **changes}, inputs, guides=_guides(parents))


def varied(parents: Parents, strength: float, changes: Mapping[str, Any], mask: Source | None = None) -> JobRequest:
    """The picture drawn over, more or less of it anew; with a `mask`, just where that is white."""
    inputs = {"image": [parents.opened()]}
    if mask is not None:
        inputs["mask"] = [parents.opening.open(mask, "mask")]
    width, height = parents.size
    told = {**_words(parents), **_steps(parents, strength), "width": width, "height": height, "strength": strength}
    return _like(parents, implied_task(inputs).name, {**told, **changes}, inputs, guides=_guides(parents))


def extended(parents: Parents, placement: Placement, changes: Mapping[str, Any]) -> JobRequest:
    """The picture on a larger canvas, whose rest is drawn."""
    placed = parents.opened().placed(placement.box)
    inputs = {"image": [placed], "mask": [placed.read_as("outside")]}
    told = {**_words(parents), "width": placement.width, "height": placement.height}
    return _like(parents, implied_task(inputs).name, {**told, **changes}, inputs)


def _like(
    parents: Parents,
    task: str,
    parameters: Mapping[str, Any],
    inputs: Mapping[str, Sequence[OpenedFile]],
    guides: Sequence[WantedGuide] = (),
) -> JobRequest:
    request = parents.job.request
    return JobRequest(
        task=task,
        model=request.model,
        parameters=parameters,
        loras=[WantedLora(each.id, each.weight) for each in request.adapters],
        inputs=inputs,
        guides=guides,
        format=request.output.format,
        quality=request.output.quality,
        fingerprint="",
    )


def _words(parents: Parents) -> dict[str, Any]:
    """What the parent was told that any task of its model takes."""
    told = parents.job.request.parameters.model_dump()
    return {name: value for name, value in told.items() if name not in ("strength", "width", "height")}


def _steps(parents: Parents, strength: float) -> dict[str, Any]:
    """As many as the parent's, and enough that some are done of the share that is drawn anew."""
    steps = parents.job.request.parameters.steps
    return {"num_inference_steps": min(parents.model.max_steps, max(steps, math.ceil(FEWEST_STEPS / strength)))}


def _guides(parents: Parents) -> list[WantedGuide]:
    """What guided the parent, as its model was shown it."""
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
        for given in parents.job.request.inputs
        if given.guide is not None
    ]


def _kept(parents: Parents, key: str, role: str) -> OpenedFile:
    """A copy of what the parent started from. Raises NotFound where it is gone."""
    try:
        content = parents.results.read(key)
    except FileNotFoundError as error:
        raise NotFound(f"the {role} that the generation started from is gone", code="input_not_found") from error
    return parents.opening.open(InlineFile(content), f"inputs.{role}")
