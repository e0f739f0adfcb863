"""What a job is: the resolved request, the record, and the statuses it moves through. Knows no store and no model."""

from __future__ import annotations

import secrets
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field

MAX_SEED: Final = 2**32 - 1
MAX_IMAGES: Final = 10
MAX_STEPS: Final = 150
MAX_PROMPT_CHARS: Final = 2_000


class Record(BaseModel):
    """A frozen record; `evolve` makes the changed copy."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def evolve(self, **changes: Any) -> Self:  # noqa: ANN401 - the fields are the subclass's own
        return self.__class__.model_validate({**self.__dict__, **changes})


class Status(StrEnum):
    """The public status words: words may be added, never renamed."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL_STATUSES


TERMINAL_STATUSES: Final = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELED})

TRANSITIONS: Final[dict[Status, frozenset[Status]]] = {
    Status.QUEUED: frozenset({Status.RUNNING, Status.CANCELED, Status.FAILED}),
    Status.RUNNING: frozenset({Status.QUEUED, *TERMINAL_STATUSES}),
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELED: frozenset(),
}


class Task(StrEnum):
    """What is asked of a model."""

    TEXT_TO_IMAGE = "text-to-image"
    IMAGE_TO_IMAGE = "image-to-image"
    INPAINT = "inpaint"


class Stage(StrEnum):
    """Where a running job is; `timings` has seconds under the same words."""

    QUEUE = "queue"
    LOAD = "load"
    ENCODE = "encode"
    DENOISE = "denoise"
    DECODE = "decode"
    STORE = "store"


class Scheduler(StrEnum):
    """The samplers a request may name; a model's catalogue row says which of them fit it."""

    EULER = "euler"
    EULER_ANCESTRAL = "euler-ancestral"
    HEUN = "heun"
    DDIM = "ddim"
    DDPM = "ddpm"
    DPMPP_2M = "dpmpp-2m"
    UNIPC = "unipc"
    LCM = "lcm"
    FLOW_MATCH_EULER = "flow-match-euler"


class ImageFormat(StrEnum):
    """How the pixels are stored."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"

    @property
    def media_type(self) -> str:
        return f"image/{self.value}"


class Output(Record):
    """The file asked for. `quality` is 1-100 for JPEG and WebP; PNG is lossless and has none."""

    format: ImageFormat = ImageFormat.PNG
    quality: int | None = Field(default=None, ge=1, le=100)


Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]


class GenerationRequest(Record):
    """A request with every default filled in: nothing about the picture is decided after this.

    `seeds` holds one seed an image, fixed at submission. Sizes are pixels. Tasks that start from a picture find it in
    the result store (`core.results.input_key`) and draw the share `strength` of it anew.
    """

    task: Task = Task.TEXT_TO_IMAGE
    model: str
    prompt: str
    negative_prompt: str = ""
    width: int
    height: int
    num_inference_steps: int
    guidance_scale: float
    scheduler: Scheduler
    seeds: tuple[Seed, ...]
    strength: float | None = Field(default=None, gt=0, le=1)
    output: Output = Output()

    @property
    def work(self) -> int:
        """What drawing this costs, in pixel-steps."""
        return len(self.seeds) * self.width * self.height * self.num_inference_steps


class Priority(StrEnum):
    """Classes of one owner's jobs: a lower one starts when none of their higher ones waits."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class Progress(Record):
    """Step `step` of `steps` in `stage`; over all images of the job in the denoise stage."""

    stage: Stage
    step: int = 0
    steps: int = 0


class ImageFile(Record):
    """One finished picture; `key` is its name in the result store."""

    index: int
    key: str
    seed: Seed
    width: int
    height: int
    format: ImageFormat
    size_bytes: int


class JobError(Record):
    """Why a job failed, in words that its owner may read."""

    code: str
    message: str


class Job(Record):
    """The record of a job, as the store holds it. Times are aware UTC; `timings` are seconds a stage."""

    id: str
    owner: str
    status: Status
    queue: str
    priority: Priority = Priority.NORMAL
    request: GenerationRequest
    metadata: dict[str, str] = {}
    webhook_url: str | None = None
    store: bool = True
    traceparent: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempts: int = 0
    cancel_requested: bool = False
    worker: str | None = None
    progress: Progress | None = None
    timings: dict[str, float] = {}
    images: tuple[ImageFile, ...] = ()
    error: JobError | None = None
    notes: tuple[str, ...] = ()


def new_job_id() -> str:
    """`gen_` and 160 random bits: an id cannot be guessed."""
    return f"gen_{secrets.token_hex(20)}"


def new_seed() -> int:
    return secrets.randbelow(MAX_SEED + 1)


def seeds_for(seed: int | None, n: int) -> tuple[int, ...]:
    """Seed i is `seed + i` (mod 2**32), so that any image of a batch can be made again alone."""
    first = new_seed() if seed is None else seed
    return tuple((first + i) % (MAX_SEED + 1) for i in range(n))
