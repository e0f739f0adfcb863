"""A job as its owner sees it: in answers, in events and in webhooks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from core.jobs import Adapter, Job, JobError, Mark, Priority, Progress, Status
from core.keys import LOCAL_OWNER
from core.media import THUMBNAIL_MEDIUM, Artifact, Facts, Guide, Input, Output, Parent

EXAMPLE_ID = "gen_129470bd720493e23467c2043315c9d5a80a0c08"


class View(BaseModel):
    """Read-only by convention; fields may be added in later versions, never renamed."""

    model_config = ConfigDict(frozen=True)


class ThumbnailView(View):
    """A small copy of a picture."""

    width: int
    height: int
    medium: str = Field(examples=["image/webp"])
    url: str
    size_bytes: int


class OutputView(View):
    """One finished file and where to fetch it."""

    index: int
    url: str
    medium: str = Field(examples=["image/png"])
    seed: int = Field(description="Ask for this seed with the same parameters to get the same output.")
    size_bytes: int
    facts: Facts = Field(description="`width` and `height` in pixels, and what else there is to say of the medium.")
    thumbnails: tuple[ThumbnailView, ...] = Field(
        description="Small copies, the smallest first: longer sides of 320, 640 and 1280 px where those are smaller."
    )
    favourite: bool = Field(description="Whether you marked it as one. A favourite never expires.")
    folders: tuple[str, ...] = Field(description="The folders that you put it into. What is in one never expires.")


class InputView(View):
    """One file that the job started from: a copy of its own."""

    role: str = Field(examples=["image"])
    index: int
    url: str
    medium: str
    size_bytes: int
    facts: Facts
    parent: Parent | None = Field(description="The output of another generation that it is.")
    guide: Guide | None = Field(description="How a `control` or `reference` guides the model; null for other roles.")


class Urls(View):
    """What can be done with the job."""

    get: str
    cancel: str
    events: str
    lineage: str


class AdaptersView(View):
    """What guided the model beside the words, as a request asks for it."""

    loras: tuple[Adapter, ...]


class GenerationView(View):
    """A generation job. Times are ISO 8601 in UTC; `timings` are seconds a stage."""

    id: str = Field(examples=[EXAMPLE_ID])
    object: str = "generation"
    status: Status | str
    task: str = Field(examples=["text-to-image"])
    model: str
    parameters: dict[str, Any] = Field(description="What the task was told, every default filled in.")
    inputs: tuple[InputView, ...]
    parents: tuple[Parent, ...] = Field(description="The outputs of other generations that it started from.")
    adapters: AdaptersView
    seeds: tuple[int, ...]
    output: Output
    priority: Priority | str
    metadata: dict[str, str]
    webhook: str | None = Field(description="Where the end of this job is reported.")
    store: bool = Field(description="False: it goes once its outputs have been fetched.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None = Field(
        description="When it is removed, with its outputs; null: it has not ended, or an output of it is a favourite "
        "or in a folder, and it is kept."
    )
    attempts: int = Field(description="How many times a worker has started this job.")
    queue_position: int | None = Field(description="1 is next; null unless queued.")
    progress: Progress | None = Field(description="The stage a running job is in, and step k of n.")
    timings: dict[str, float]
    outputs: tuple[OutputView, ...]
    error: JobError | None
    notes: tuple[str, ...] = Field(
        description="What was done otherwise than asked for, or to get it through, such as saving memory."
    )
    urls: Urls


UNMARKED: Final = Mark()

Sign = Callable[[str], str]
"""The query string that opens a path without a key."""


def output_url(job: Job, output: Artifact, *, base_url: str, sign: Sign) -> str:
    """Signed, so that browsers and receivers of webhooks can fetch it, unless nobody needs a key."""
    return signed_url(job.owner, f"/v1/results/{job.id}/{output.index}.{output.extension}", base_url, sign)


def input_url(job: Job, given: Input, *, base_url: str, sign: Sign) -> str:
    """Signed like those of outputs."""
    return signed_url(
        job.owner, f"/v1/results/{job.id}/inputs/{given.role}-{given.index}.{given.extension}", base_url, sign
    )


def signed_url(owner: str, path: str, base_url: str, sign: Sign) -> str:
    """The address of what is that owner's."""
    return f"{base_url}{path}" if owner == LOCAL_OWNER else f"{base_url}{path}?{sign(path)}"


def present(job: Job, *, base_url: str, sign: Sign, queue_position: int | None = None) -> GenerationView:
    """The owner's view of `job`; `base_url` has no trailing slash."""
    here = f"{base_url}/v1/generations/{job.id}"
    request = job.request
    return GenerationView(
        id=job.id,
        status=job.status,
        task=request.task,
        model=request.model,
        parameters=request.parameters.model_dump(mode="json"),
        inputs=tuple(
            InputView(url=input_url(job, given, base_url=base_url, sign=sign), **_shared(given, InputView))
            for given in request.inputs
        ),
        parents=request.parents,
        adapters=AdaptersView(loras=request.adapters),
        seeds=request.seeds,
        output=request.output,
        priority=job.priority,
        metadata=job.metadata,
        webhook=job.webhook_url,
        store=job.store,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        expires_at=job.expires_at,
        attempts=job.attempts,
        queue_position=queue_position if job.status is Status.QUEUED else None,
        progress=job.progress if job.status is Status.RUNNING else None,
        timings=job.timings,
        outputs=shown_outputs(job, base_url=base_url, sign=sign),
        error=job.error,
        notes=job.notes,
        urls=Urls(get=here, cancel=f"{here}/cancel", events=f"{here}/events", lineage=f"{here}/lineage"),
    )


def shown_outputs(job: Job, *, base_url: str, sign: Sign) -> tuple[OutputView, ...]:
    """The finished files of `job`."""
    return tuple(
        OutputView(
            url=output_url(job, output, base_url=base_url, sign=sign),
            **{**_shared(output, OutputView), "thumbnails": _thumbnails(job, output, base_url, sign)},
            **_shared(job.marks.get(output.index, UNMARKED), OutputView),
        )
        for output in job.outputs
    )


def _thumbnails(job: Job, output: Artifact, base_url: str, sign: Sign) -> tuple[ThumbnailView, ...]:
    return tuple(
        ThumbnailView(
            url=signed_url(job.owner, f"/v1/results/{job.id}/{output.index}-{each.side}.webp", base_url, sign),
            medium=THUMBNAIL_MEDIUM,
            **_shared(each, ThumbnailView),
        )
        for each in output.thumbnails
    )


def _shared(record: BaseModel, view: type[View]) -> dict[str, Any]:
    """The fields of `record` that the view shows as they are."""
    return {name: value for name, value in record.__dict__.items() if name in view.model_fields}
