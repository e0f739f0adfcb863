"""One request's run through its stock pipeline: a greenlet that parks at every heavy call."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import greenlet
import torch

from core.errors import EaselError, JobFailure
from core.jobs import Stage
from worker.contract import Canceled, Drawing, DrawRequest, Event, Failed, Finished, Previewed, Progressed
from worker.engine.calls import Call
from worker.engine.prompts import PromptCache
from worker.faults import is_device_lost, is_out_of_memory, no_memory
from worker.pipelines.call import Stepped

logger = logging.getLogger(__name__)


class DrawingCanceled(BaseException):
    """Thrown into the fiber of a drawing that is canceled; no `except Exception` of a pipeline may swallow it."""


class Fiber(greenlet.greenlet):
    """A drawing under way. `call` is the parked call: there is one while the fiber is neither running nor over.

    `draw` runs the pipeline and tells each step to the function it is given; `preview` makes a painter of latents, or
    None. An `exclusive` fiber never parks. `works` is the stage that it takes its steps in; one that
    `repeats` calls its pipeline several times.
    """

    call: Call

    def __init__(
        self,
        drawing: Drawing,
        pipeline: Any,  # noqa: ANN401 - any diffusers pipeline
        draw: Callable[[Stepped], Any],
        preview: Callable[[torch.Tensor], Callable[[], bytes] | None],
        *,
        prompts: PromptCache,
        exclusive: bool,
        works: Stage = Stage.DENOISE,
        repeats: bool = False,
        clock: Callable[[], float],
    ) -> None:
        super().__init__()
        self.drawing = drawing
        self.pipeline = pipeline
        self.prompts = prompts
        self.exclusive = exclusive
        self.stage = Stage.ENCODE
        self._works = works
        self._repeats = repeats
        self.remaining = drawing.request.steps
        self.skipped = 0
        self._step = 0
        self.notes: list[str] = []
        self.timings: dict[str, float] = {}
        self._draw = draw
        self._preview = preview
        self._latents: torch.Tensor | None = None
        self._clock = clock
        self._stage_began = self._shown_at = clock()

    @property
    def kind(self) -> str:
        """What the parked call's time depends on, but for its rows."""
        return f"{self.drawing.request.model} {self.call.kind}"

    def run(self) -> None:
        """The greenlet's body: every way out of it puts exactly one last event."""
        self._tell(self._outcome())

    def _outcome(self) -> Event:
        try:
            result = self._draw(self.stepped)
        except DrawingCanceled:
            return Canceled()
        except Exception as error:
            if is_device_lost(error):
                self._tell(Canceled())
                raise
            return failed(error, self.drawing.request)
        self._close_stage()
        return Finished(result, dict(self.timings), tuple(self.notes))

    def begin(self) -> None:
        """Run from the start to the first parked call."""
        self._tell(Progressed(self.stage, 0, 1))
        self._go_on(self.switch)

    def resume(self, result: Any) -> None:  # noqa: ANN401 - the module's own output
        """Answer the parked call and run on to the next one."""
        self._go_on(self.switch, result)

    def fail(self, error: BaseException) -> None:
        """Let the parked call raise `error`."""
        self._go_on(self.throw, error)

    def _go_on(self, move: Callable[..., Any], *args: Any) -> None:  # noqa: ANN401
        call = move(*args)
        if self.dead:
            self.__dict__.pop("call", None)
        else:
            self.call = call

    def park(self, call: Call, stage: Stage) -> Any:  # noqa: ANN401
        """Called inside the fiber: hand `call` to the engine and wait for its output."""
        self.enter(stage)
        assert self.parent is not None  # noqa: S101 - a fiber is always begun by the engine's loop
        return self.parent.switch(call)

    def enter(self, stage: Stage) -> None:
        """Called inside the fiber: `stage` begins, unless it has."""
        if stage is not self.stage:
            self._close_stage()
            self.stage = stage
            if self._step and self._repeats:
                return  # it begins again, with the next tile: what was told goes on
            if stage is self._works:
                self.remaining = getattr(self.pipeline, "num_timesteps", self.remaining)
            self._tell(Progressed(stage, 0, self.remaining if stage is self._works else 1))

    def stepped(self, step: int, steps: int, latents: torch.Tensor | None) -> None:
        """Called inside the fiber after step `step` of `steps`. Raises DrawingCanceled if it is."""
        self.enter(self._works)  # a fiber that never parks learns of it here
        self.remaining = steps - step
        self._step = step
        self._latents = latents
        self._tell(Progressed(self._works, step, steps))
        if self.drawing.cancel_requested:
            raise DrawingCanceled

    def show_preview(self, every: float) -> None:
        """Tell how the latents look, if there are new ones and the last time is `every` seconds ago.

        Called outside the fiber: the first preview of a model encodes a small picture, which must not park.
        """
        latents, self._latents = self._latents, None
        now = self._clock()
        if latents is None or self.dead or self.remaining == 0 or now - self._shown_at < every:
            return
        self._shown_at = now
        try:
            if paint := self._preview(latents):
                self._tell(Previewed(paint, self._step))
        except Exception:
            logger.exception("no preview", extra={"model": self.drawing.request.model})

    def note(self, text: str) -> None:
        """Say, once, what was done for memory."""
        if text not in self.notes:
            self.notes.append(text)

    def _close_stage(self) -> None:
        now = self._clock()
        stage = str(self.stage)
        self.timings[stage] = self.timings.get(stage, 0.0) + now - self._stage_began
        self._stage_began = now

    def _tell(self, event: Event) -> None:
        self.drawing.tell(event)


def failed(error: Exception, request: DrawRequest) -> Failed:
    """What the owner is told of `error`: the words of our own errors, and of any other only that it happened."""
    if isinstance(error, EaselError):
        return Failed(JobFailure(error.message, code=error.code))
    if is_out_of_memory(error):
        return Failed(no_memory())
    logger.error("drawing failed", exc_info=error, extra={"model": request.model, "task": request.task})
    return Failed(JobFailure("the picture could not be drawn; the worker's log says why"))
