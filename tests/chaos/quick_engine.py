"""Stands in for the engine where thousands of jobs must flow: draws one colour, at once."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from dataclasses import dataclass
from typing import Any, Final

import torch

from core.catalog.catalog import Catalog
from core.jobs import Stage
from worker.contract import Canceled, Drawing, DrawRequest, Finished, Progressed
from worker.pipelines.load_failures import LoadFailures

STEP_SECONDS: Final = 0.01
POISON: Final = "poison"
"""A job with this prompt kills the worker's process whenever it is drawn."""

SLOW: Final = "slow"
"""A job with this prompt takes ten times as long a step."""


def colour(seed: int) -> int:
    """What every channel of the picture of `seed` holds, so that a picture shows whose it is."""
    return seed % 256


class QuickModels:
    """The models as far as `serve` asks for them: none is loaded, so none is warmed up."""

    loaded: tuple[str, ...] = ()
    loading: str | None = None

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.failures = LoadFailures(allow_downloads=True)
        self.device = torch.device("cpu")
        self.backends: dict[str, str] = {}


@dataclass
class Sketch:
    """A drawing and what of it is done."""

    drawing: Drawing
    ticks: int = 0


class QuickEngine:
    """All drawings take a step together, `STEP_SECONDS` apart."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self._inbox: queue.SimpleQueue[Drawing] = queue.SimpleQueue()
        self._sketches: list[Sketch] = []
        self._stopping = threading.Event()

    def submit(self, request: DrawRequest) -> Drawing:
        drawing = Drawing(request)
        self._inbox.put(drawing)
        return drawing

    def refresh(self) -> None:
        """Nothing is loaded."""

    def stop(self, *, drain: bool = True) -> None:
        self._stopping.set()

    def run(self) -> None:
        while self._sketches or not self._stopping.is_set():
            while not self._inbox.empty():
                self._sketches.append(Sketch(self._inbox.get()))
            self._sketches = [sketch for sketch in self._sketches if self._advance(sketch)]
            time.sleep(STEP_SECONDS)

    def _advance(self, sketch: Sketch) -> bool:
        """One tick, which is a step or a tenth of one; False at the end."""
        request, tell = sketch.drawing.request, sketch.drawing.tell
        if sketch.drawing.cancel_requested:
            tell(Canceled())
            return False
        sketch.ticks += 1
        prompt = getattr(request.parameters, "prompt", "")
        if prompt == POISON and sketch.ticks == 10:
            os.kill(os.getpid(), signal.SIGKILL)
        step = sketch.ticks // (10 if prompt == SLOW else 1)
        if step < request.steps:
            tell(Progressed(Stage.DENOISE, step, request.steps))
            return True
        pixels = torch.full((8, 8, 3), colour(request.seed), dtype=torch.uint8)
        tell(Finished(result=pixels, timings={Stage.DENOISE: STEP_SECONDS * sketch.ticks}, notes=()))
        return False
