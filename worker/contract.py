"""What the engine is asked for and what it tells: one image's request, its events, its handle. Knows no model."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

import torch
from PIL import Image

from core.errors import JobFailure
from core.jobs import Stage
from core.schedulers import Scheduler


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawRequest:
    """One image. Sizes are pixels; `strength` is 0-1, how much of `image` is drawn anew; `mask` is white there."""

    model: str
    task: Task
    prompt: str
    negative_prompt: str = ""
    width: int
    height: int
    num_inference_steps: int
    guidance_scale: float
    scheduler: Scheduler
    seed: int
    image: Image.Image | None = None
    mask: Image.Image | None = None
    strength: float = 0.8


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
    """The picture, uint8 [height, width, 3] on the CPU; seconds by `Stage` value; what was done for memory."""

    pixels: torch.Tensor
    timings: dict[str, float]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """This request could not be drawn; the others are not touched."""

    error: JobFailure


@dataclass(frozen=True, slots=True)
class Canceled:
    """The request was given up because its owner asked so, or the engine ended before it was drawn."""


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
        self.events.put(event)
        if isinstance(event, End):
            self._ended.set()

    def wait_for_end(self, seconds: float) -> bool:
        """Until the last event has been told, or for `seconds`; whether it has."""
        return self._ended.wait(seconds)

    @property
    def cancel_requested(self) -> bool:
        return self._canceled.is_set()

    def cancel(self) -> None:
        """Give the drawing up before the next forward. Any thread may call it, more than once."""
        self._canceled.set()
        self._wake()
