"""What a job is: the resolved request, the record, and the statuses it moves through."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, SerializeAsAny, ValidationInfo, field_validator

from core.media import Artifact, Input, Output, Parent
from core.record import Record
from core.tasks import Parameters, parameters_of

MAX_SEED: Final = 2**32 - 1
RANDOM_SEED: Final = -1
"""What clients send for a seed that is to be drawn."""
JOB_ID: Final = re.compile(r"gen_[0-9a-f]{40}")


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


class Stage(StrEnum):
    """Where a running job is; `timings` has seconds under the same words."""

    QUEUE = "queue"
    LOAD = "load"
    ENCODE = "encode"
    DENOISE = "denoise"
    TRANSFORM = "transform"
    DECODE = "decode"
    STORE = "store"


STEPPED: Final = frozenset({Stage.DENOISE, Stage.TRANSFORM})
"""The stages that most of the work is done in, a step after the other: drawing, and what small networks do."""

Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]


class Adapter(Record):
    """What guides a model beside the request, by its id in the catalogue, and how strongly."""

    id: str
    weight: float = 1.0


class GenerationRequest(Record):
    """A request with every default filled in: nothing about the result is decided after this.

    `seeds` holds one seed an output, fixed at submission; `inputs` are copies under the job's own prefix. `origin` is
    the request that the picture was drawn by which this one changes without words, so that its recipe travels on.
    """

    task: str
    model: str
    parameters: SerializeAsAny[Parameters]
    inputs: tuple[Input, ...] = ()
    adapters: tuple[Adapter, ...] = ()
    seeds: tuple[Seed, ...]
    output: Output = Output()
    origin: GenerationRequest | None = None

    @field_validator("parameters", mode="before")
    @classmethod
    def _by_task(cls, value: object, info: ValidationInfo) -> object:
        return parameters_of(info.data["task"]).model_validate(value) if isinstance(value, Mapping) else value

    @property
    def adapter_ids(self) -> tuple[str, ...]:
        """The adapters of the catalogue that it asks for, each once."""
        guides = (each.guide.adapter for each in self.inputs if each.guide and each.guide.adapter)
        return tuple(dict.fromkeys((*(each.id for each in self.adapters), *guides)))

    @property
    def cost(self) -> int:
        """What all of it costs, in row-pixels x frames x steps."""
        return len(self.seeds) * self.parameters.cost

    @property
    def parents(self) -> tuple[Parent, ...]:
        """The outputs of other jobs that it starts from, each once."""
        return tuple(dict.fromkeys(given.parent for given in self.inputs if given.parent is not None))


class Priority(StrEnum):
    """Classes of one owner's jobs: a lower one starts when none of their higher ones waits."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class Progress(Record):
    """Step `step` of `steps` in `stage`; over all images of the job in the denoise stage."""

    stage: Annotated[Stage | str, Field(union_mode="left_to_right")]
    step: int = 0
    steps: int = 0


class JobError(Record):
    """Why a job failed, in words that its owner may read."""

    code: str
    message: str


class Mark(Record):
    """What its owner has marked an output as; a marked one is kept for good."""

    favourite: bool = False
    folders: tuple[str, ...] = ()


class Job(Record):
    """The record of a job, as the store holds it. Times are aware UTC; `timings` are seconds a stage.

    A word that a newer version wrote stands as it is. `expires_at` is None where it is kept for good, or has not ended;
    `marks` are those of its outputs, by their index, where they have any.
    """

    id: str
    schema_number: int = 0
    owner: str
    status: Annotated[Status | str, Field(union_mode="left_to_right")]
    queue: str
    priority: Annotated[Priority | str, Field(union_mode="left_to_right")] = Priority.NORMAL
    request: GenerationRequest
    metadata: dict[str, str] = Field(default={})
    webhook_url: str | None = None
    store: bool = True
    traceparent: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    attempts: int = 0
    cancel_requested: bool = False
    worker: str | None = None
    progress: Progress | None = None
    timings: dict[str, float] = Field(default={})
    outputs: tuple[Artifact, ...] = ()
    marks: dict[int, Mark] = Field(default={})
    error: JobError | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_terminal(self) -> bool:
        """Whether it has ended, in a way that this version knows."""
        return self.status in TERMINAL_STATUSES

    def output(self, index: int) -> Artifact | None:
        """The output of that index; None if there never was one, or it was removed."""
        return next((output for output in self.outputs if output.index == index), None)


def new_job_id() -> str:
    """`gen_` and 160 random bits: an id cannot be guessed."""
    return f"gen_{secrets.token_hex(20)}"


def new_seed() -> int:
    """A random seed, 0 to 2**32 - 1."""
    return secrets.randbelow(MAX_SEED + 1)


def seeds_for(seed: int | None, n: int) -> tuple[int, ...]:
    """Seed i is `seed + i` (mod 2**32), so that any image of a batch can be made again alone; None or -1: drawn."""
    first = new_seed() if seed is None or seed == RANDOM_SEED else seed
    return tuple((first + i) % (MAX_SEED + 1) for i in range(n))
