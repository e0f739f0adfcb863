"""The loop: admits requests, lets them run to their next heavy call, runs those calls together."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

import torch

from core.jobs import Stage
from worker.contract import Canceled, Drawing, DrawRequest, Progressed
from worker.engine.batch_scheduler import BatchScheduler
from worker.engine.batch_size_tuner import BatchSizeTuner
from worker.engine.fibers import DrawingCanceled, Fiber, failed
from worker.engine.forward import Forwards
from worker.engine.hooks import hook_forward
from worker.engine.memory_model import MemoryModel
from worker.engine.proofs import Proofs
from worker.engine.residents import Residents
from worker.engine.stats import Stats
from worker.engine.tuning_cache import TuningCache
from worker.faults import is_device_lost
from worker.pipelines.call_changes import let_forward_change
from worker.pipelines.calls import call_of
from worker.pipelines.loaded_model import LoadedModel
from worker.pipelines.meters import meter_of
from worker.pipelines.models import Models

MAX_ROWS: Final = 32
"""Rows in one forward where nothing else is said; the tuner finds where fewer are as good."""

MAX_ACTIVE: Final = 64
"""Drawings under way at once; each holds its latents and prompt embeddings, a few megabytes."""


class Engine:
    """Draws many requests at a time on one thread, each with its own stock pipeline.

    `run` is the loop and belongs on the process's main thread; `submit` and `stop` may be called from any thread.
    `max_rows` bounds the rows of one forward; a drawing shows a preview every `preview_seconds` at most; `between` is
    called before every turn, on the thread that runs the forwards; `limits` are what an earlier engine learned.
    """

    def __init__(
        self,
        models: Models,
        *,
        max_rows: int | None = None,
        preview_seconds: float = 1.0,
        between: Callable[[], None] = lambda: None,
        limits: TuningCache | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._preview_seconds = preview_seconds
        self._between = between
        self._models = models
        self._clock = clock
        tuner = (
            BatchSizeTuner(max_rows or MAX_ROWS, limits.read(), limits.write)
            if limits
            else BatchSizeTuner(max_rows or MAX_ROWS)
        )
        self._memory = MemoryModel(meter_of(models.device))
        proofs = Proofs()
        self._scheduler = BatchScheduler(tuner, self._memory, proofs.key)
        self.stats = Stats()
        self._forwards = Forwards(tuner, self.stats, self._memory, proofs)
        self._waiting: deque[Drawing] = deque()
        self._passed: Drawing | None = None
        self._fibers: list[Fiber] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._refreshing = False
        self._draining = True
        self._residents = Residents(self.stats)

    @property
    def active(self) -> int:
        """Drawings under way."""
        return len(self._fibers)

    @property
    def waiting(self) -> int:
        """Drawings submitted but not begun."""
        return len(self._waiting)

    def has_work(self) -> bool:
        """Whether a drawing is under way or waits."""
        return bool(self._waiting or self._fibers)

    def submit(self, request: DrawRequest) -> Drawing:
        """Queue `request`; after `stop` the drawing is canceled at once."""
        drawing = Drawing(request, wake=self._wake)
        with self._changed:
            if self._stopping:
                drawing.tell(Canceled())
            else:
                self._waiting.append(drawing)
                self._changed.notify_all()
        return drawing

    def stop(self, *, drain: bool = True) -> None:
        """Make `run` return: after everything submitted is drawn, or, without `drain`, canceled."""
        with self._changed:
            self._stopping = True
            self._draining = self._draining and drain
            self._changed.notify_all()

    def refresh(self) -> None:
        """Let models go that the catalogue does not have as they are any more; any thread may say so."""
        with self._changed:
            self._refreshing = True
            self._changed.notify_all()

    def run(self) -> None:
        """Draw until stopped. Raises what a lost device says; whatever ends it, every drawing has its last event."""
        # Pipelines restore the gradient mode they found when they began; interleaved, they would restore each
        # other's. Off for the whole thread, there is only one mode to restore.
        with torch.no_grad():
            try:
                while self._wait_for_work():
                    self.tick()
            finally:
                self._cancel_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _wait_for_work(self) -> bool:
        with self._changed:
            while not (self._waiting or self._fibers or self._stopping or self._refreshing):
                self._changed.wait()
        if self._stopping and not self._draining:
            return False
        return self.has_work() or not self._stopping

    def tick(self) -> None:
        """Between two forwards: retire the canceled, admit the waiting, then run one group of calls."""
        self._between()
        self._drop_canceled()
        if self._refreshing:
            self._refreshing = False
            self._drop_stale()
        self._admit()
        group = self._scheduler.choose(self._fibers)
        if group:
            self._forwards.run(group)
            for fiber in group:
                fiber.show_preview(self._preview_seconds)
        self._fibers = [fiber for fiber in self._fibers if not fiber.dead]

    def _drop_canceled(self) -> None:
        for fiber in self._fibers:
            if fiber.drawing.cancel_requested:
                fiber.fail(DrawingCanceled())
        self._fibers = [fiber for fiber in self._fibers if not fiber.dead]
        with self._changed:
            canceled = [drawing for drawing in self._waiting if drawing.cancel_requested]
            for drawing in canceled:
                self._waiting.remove(drawing)
        for drawing in canceled:
            drawing.tell(Canceled())

    def _drop_stale(self) -> None:
        before = len(self._models.loaded)
        self._models.drop_stale({fiber.drawing.request.model for fiber in self._fibers})
        if len(self._models.loaded) < before:
            self._memory.models_left()

    def _admit(self) -> None:
        """First come, first begun. A model that has no room waits until those in use are done, and what comes later."""
        while self._waiting and len(self._fibers) < MAX_ACTIVE:
            in_use = {fiber.drawing.request.model for fiber in self._fibers}
            first = self._waiting[0]
            if not self._models.has_room_for(first.request.model, in_use):
                if first is self._passed:
                    return
                self._let_pass(first, in_use)
                continue
            with self._changed:
                self._waiting.popleft()
            if not self._begin(first, in_use):
                return  # it ran whole, or not at all: a turn for the others, and a look at who is canceled

    def _let_pass(self, blocked: Drawing, in_use: set[str]) -> None:
        """What waits for the models in use goes before `blocked`, or they would be loaded anew for every other request.

        Once for each that is blocked: what comes later stays behind it.
        """
        self._passed = blocked
        with self._changed:
            self._waiting = deque(sorted(self._waiting, key=lambda drawing: drawing.request.model not in in_use))

    def _begin(self, drawing: Drawing, in_use: set[str]) -> bool:
        """Run `drawing` to its first parked call; false if it is over already."""
        began = self._clock()
        before = self._models.loaded
        loads = drawing.request.model not in self._models.loaded
        if loads:
            drawing.tell(Progressed(Stage.LOAD, 0, 1))
        try:
            fiber = self._fiber(drawing, self._models.get(drawing.request.model, in_use))
        except Exception as error:
            if is_device_lost(error):
                drawing.tell(Canceled())
                raise
            drawing.tell(failed(error, drawing.request))
            return False
        finally:
            if not {*before} <= {*self._models.loaded}:
                self._memory.models_left()
        if loads:
            fiber.timings[str(Stage.LOAD)] = self._clock() - began
        fiber.begin()
        if not fiber.dead:
            self._fibers.append(fiber)
        return not fiber.dead

    def _fiber(self, drawing: Drawing, model: LoadedModel) -> Fiber:
        """The run of `drawing` through a pipeline of its own, not begun yet. Raises JobFailure if there is none."""
        resident = self._residents.of(model)
        call = call_of(model, drawing.request)
        for name, module in call.modules:
            if resident.batchable:
                hook_forward(name, module)
            let_forward_change(name, module)
        fiber = Fiber(
            drawing,
            call.pipeline,
            call.run,
            partial(resident.painter, call),
            prompts=resident.prompts,
            exclusive=not resident.batchable,
            works=call.works,
            repeats=call.repeats,
            clock=self._clock,
        )
        fiber.notes = call.notes
        return fiber

    def _cancel_all(self) -> None:
        """Whatever ended the loop, nobody may wait for ever."""
        for fiber in self._fibers:
            if not fiber.dead:
                fiber.fail(DrawingCanceled())
        self._fibers = []
        with self._changed:
            self._stopping = True
            left = list(self._waiting)
            self._waiting.clear()
        for drawing in left:
            drawing.tell(Canceled())
