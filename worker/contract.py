"""The words between runner, engine and pipelines: what is to be drawn, what is told of it, how memory is measured."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from PIL import Image

from core.errors import JobFailure
from core.jobs import GenerationRequest, Stage
from core.tasks import Parameters

Inputs = Mapping[str, tuple[Image.Image, ...]]
"""The pictures that a request starts from, by the name of their role, in the order given."""

Lane = tuple[str | int, ...]
"""Equal for drawings whose forwards may be shared: the model, and the shape of one row of its work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawRequest:
    """One output of a request: that of `seed`, which is one of `request.seeds`."""

    request: GenerationRequest
    seed: int
    inputs: Inputs = field(default_factory=dict)

    @property
    def model(self) -> str:
        """The id of its model in the catalogue."""
        return self.request.model

    @property
    def task(self) -> str:
        """The name of its task."""
        return self.request.task

    @property
    def parameters(self) -> Parameters:
        """What its task is told."""
        return self.request.parameters

    @property
    def lane(self) -> Lane:
        """Drawings of equal lanes take turns as one."""
        return (self.request.model, *self.request.parameters.lane)

    @property
    def row_cost(self) -> int:
        """What one row of one step costs, in pixels times frames."""
        return self.request.parameters.row_cost

    @property
    def steps(self) -> int:
        """How many steps it asks for; a pipeline may take fewer."""
        return self.request.parameters.steps


@dataclass(frozen=True, slots=True)
class Progressed:
    """Step `step` of `steps` of `stage` is done; 0 of n when the stage begins."""

    stage: Stage
    step: int
    steps: int


@dataclass(frozen=True, slots=True)
class Previewed:
    """How the latents look after `step` denoising steps: a small JPEG, painted by the thread that asks for it."""

    paint: Callable[[], bytes]
    step: int


@dataclass(frozen=True, slots=True)
class Finished:
    """What was drawn, on the CPU, as the encoder of the task's medium takes it (`worker.outputs`).

    For an image that is uint8 [height, width, 3]. `timings` are seconds by `Stage` value, `notes` what was done for
    memory.
    """

    result: Any
    timings: dict[str, float]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """This request could not be drawn; the others are not touched."""

    error: JobFailure


@dataclass(frozen=True, slots=True)
class Canceled:
    """Whoever submitted the drawing has canceled it, or the engine ended before it was drawn."""


End = Finished | Failed | Canceled
"""What the last event of every drawing is, and no other."""

Event = Progressed | Previewed | End


class Drawing:
    """The handle of one submitted request: the engine tells events, one consumer thread gets them.

    A consumer that is woken by every step takes Python's lock from the engine in the middle of its forwards, so
    `wait_for_end` sleeps through all events but the last.
    """

    def __init__(self, request: DrawRequest, wake: Callable[[], None] = lambda: None) -> None:
        self.request = request
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._wake = wake
        self._canceled = threading.Event()
        self._ended = threading.Event()

    def tell(self, event: Event) -> None:
        """Put `event` behind those told before; called by the engine."""
        self.events.put(event)
        if isinstance(event, End):
            self._ended.set()

    def wait_for_end(self, seconds: float) -> bool:
        """Until the last event has been told, or for `seconds`; whether it has."""
        return self._ended.wait(seconds)

    @property
    def cancel_requested(self) -> bool:
        """Whether `cancel` was called."""
        return self._canceled.is_set()

    def cancel(self) -> None:
        """End the drawing before the next forward. Any thread may call it, more than once."""
        self._canceled.set()
        self._wake()


class Meter(Protocol):
    """Bytes on one device: what a forward took since `begin`, and what the next may take."""

    def start_over(self) -> None:
        """Forget what was counted so far: a model has left, and its memory with it."""

    def begin(self) -> None:
        """A forward is about to run."""

    def taken(self) -> int:
        """Bytes that forwards took beyond what was there at `begin`."""

    def free(self) -> int | None:
        """Bytes that the next forward may take; None where that cannot be known."""
