"""A job as its owner sees it: in answers, in events and in webhooks. Knows no framework and no store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from core.jobs import ImageFile, ImageFormat, Job, JobError, Output, Priority, Progress, Scheduler, Status, Task
from core.keys import LOCAL_OWNER

EXAMPLE_ID = "gen_129470bd720493e23467c2043315c9d5a80a0c08"


class View(BaseModel):
    """Read-only by convention; fields may be added in later versions, never renamed."""

    model_config = ConfigDict(frozen=True)


class ImageView(View):
    """One finished picture and where to fetch it."""

    index: int
    url: str
    seed: int = Field(description="Ask for this seed with the same input to get the same picture.")
    width: int
    height: int
    format: ImageFormat
    size_bytes: int


class InputView(View):
    """The request with every default filled in."""

    task: Task
    model: str
    prompt: str
    negative_prompt: str
    width: int
    height: int
    num_inference_steps: int
    guidance_scale: float
    scheduler: Scheduler
    seeds: tuple[int, ...]
    strength: float | None = Field(description="How much of a given picture is drawn anew, 0-1; null without one.")
    output: Output


class Urls(View):
    """What can be done with the job."""

    get: str
    cancel: str
    events: str


class GenerationView(View):
    """A generation job. Times are ISO 8601 in UTC; `timings` are seconds a stage."""

    id: str = Field(examples=[EXAMPLE_ID])
    object: str = "generation"
    status: Status
    input: InputView
    priority: Priority
    metadata: dict[str, str]
    webhook: str | None = Field(description="Where the end of this job is reported.")
    store: bool = Field(description="False: it goes once its pictures have been fetched.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attempts: int = Field(description="How many times a worker has started this job.")
    queue_position: int | None = Field(description="1 is next; null unless queued.")
    progress: Progress | None = Field(description="The stage a running job is in, and step k of n.")
    timings: dict[str, float]
    images: tuple[ImageView, ...]
    error: JobError | None
    notes: tuple[str, ...] = Field(description="What the worker did to get the job through, such as saving memory.")
    urls: Urls


Sign = Callable[[str], str]
"""The query string that opens a path without a key."""


def image_url(job: Job, image: ImageFile, *, base_url: str, sign: Sign) -> str:
    """Signed, so that browsers and receivers of webhooks can fetch it, unless nobody needs a key."""
    path = f"/v1/results/{job.id}/{image.index}.{image.format}"
    return f"{base_url}{path}" if job.owner == LOCAL_OWNER else f"{base_url}{path}?{sign(path)}"


def present(job: Job, *, base_url: str, sign: Sign, queue_position: int | None = None) -> GenerationView:
    """The owner's view of `job`; `base_url` has no trailing slash."""
    here = f"{base_url}/v1/generations/{job.id}"
    return GenerationView(
        id=job.id,
        status=job.status,
        input=InputView(**job.request.__dict__),
        priority=job.priority,
        metadata=job.metadata,
        webhook=job.webhook_url,
        store=job.store,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        attempts=job.attempts,
        queue_position=queue_position if job.status is Status.QUEUED else None,
        progress=job.progress if job.status is Status.RUNNING else None,
        timings=job.timings,
        images=tuple(
            ImageView(
                index=image.index,
                url=image_url(job, image, base_url=base_url, sign=sign),
                seed=image.seed,
                width=image.width,
                height=image.height,
                format=image.format,
                size_bytes=image.size_bytes,
            )
            for image in job.images
        ),
        error=job.error,
        notes=job.notes,
        urls=Urls(get=here, cancel=f"{here}/cancel", events=f"{here}/events"),
    )
