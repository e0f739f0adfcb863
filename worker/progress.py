"""Follows the drawings of one job to their end, as one progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from core.errors import JobFailure
from core.jobs import STEPPED, Progress, Stage
from worker.contract import Drawing, End, Failed, Finished, Previewed, Progressed

FIRST_LOOK_SECONDS: Final = 0.05
LOOK_SECONDS: Final = 0.5
"""Steps of a small model come faster than anybody looks: tell the latest one at most twice a second."""

STAGES: Final = tuple(Stage)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the drawings ended: all `finished`, or an `error`, or neither when they were canceled."""

    finished: tuple[Finished, ...] | None
    error: JobFailure | None

    @property
    def timings(self) -> dict[str, float]:
        """Seconds a stage: the slowest image's, since the images of a job are drawn together."""
        merged: dict[str, float] = {}
        for drawn in self.finished or ():
            for stage, seconds in drawn.timings.items():
                merged[stage] = round(max(merged.get(stage, 0.0), seconds), 4)
        return merged

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done for memory, each once."""
        return tuple(dict.fromkeys(note for drawn in self.finished or () for note in drawn.notes))


class ProgressObserver:
    """One drawing and the latest that was told of it."""

    def __init__(self, drawing: Drawing) -> None:
        self.drawing = drawing
        self.latest = Progressed(Stage.LOAD, 0, 0)
        self.preview: Previewed | None = None
        self.end: End | None = None

    def listen(self) -> bool:
        """Take what has been told since; whether there was anything."""
        told = False
        while not self.drawing.events.empty():
            event = self.drawing.events.get()
            if isinstance(event, Progressed):
                self.latest = event
            elif isinstance(event, Previewed):
                self.preview = event
            else:
                self.end = event
            told = True
        return told

    def take_preview(self) -> Previewed | None:
        """The latest one, once."""
        preview, self.preview = self.preview, None
        return preview


def watch(
    drawings: Sequence[Drawing],
    report: Callable[[Progress], None],
    on_activity: Callable[[], None] = lambda: None,
    show: Callable[[Previewed, int], None] = lambda preview, steps: None,
) -> Outcome:
    """Return when every drawing has ended, telling `report` of the way. One failure cancels the others.

    `on_activity` is called where anything was told, so that silence is noticed; `show` for each preview of the first
    one, with the number of its steps.
    """
    observers = [ProgressObserver(drawing) for drawing in drawings]
    told: Progress | None = None
    while running := [observer for observer in observers if observer.end is None]:
        running[0].drawing.wait_for_end(LOOK_SECONDS if told else FIRST_LOOK_SECONDS)
        if any([observer.listen() for observer in running]):
            on_activity()
        if any(isinstance(observer.end, Failed) for observer in observers):
            for observer in running:
                observer.drawing.cancel()
        if preview := observers[0].take_preview():
            show(preview, observers[0].latest.steps)
        now = progress_of(observers)
        if now != told:
            report(now)
            told = now
    ends = [observer.end for observer in observers]
    for end in ends:
        if isinstance(end, Failed):
            return Outcome(None, end.error)
    finished = tuple(end for end in ends if isinstance(end, Finished))
    return Outcome(finished if len(finished) == len(ends) else None, None)


def progress_of(observers: Sequence[ProgressObserver]) -> Progress:
    """The stage of the image that is furthest behind, with the steps of all images added up."""
    running = [observer for observer in observers if observer.end is None]
    stage = min((observer.latest.stage for observer in running), key=STAGES.index, default=Stage.STORE)
    if stage not in STEPPED:
        return Progress(stage=stage)
    steps = max(observer.latest.steps for observer in running)
    done = sum(
        observer.latest.step if observer.latest.stage in STEPPED and observer.end is None else steps
        for observer in observers
    )
    return Progress(stage=stage, step=done, steps=steps * len(observers))
