"""The drawings of a job are told as one progress, and end as one outcome."""

from __future__ import annotations

import threading
from functools import partial

import torch

from core.errors import JobFailure
from core.jobs import Progress, Stage
from tests.worker.engine.drawings import a_request
from worker.contract import Canceled, Drawing, Failed, Finished, Previewed, Progressed
from worker.progress import ProgressObserver, progress_of, watch


def drawing(seed: int = 0) -> Drawing:
    return Drawing(a_request("m", seed=seed, num_inference_steps=10))


def finished(**timings: float) -> Finished:
    return Finished(torch.zeros(8, 8, 3, dtype=torch.uint8), timings, ("halved the batch",))


def test_all_finished_in_the_order_asked() -> None:
    # Given two drawings, the second done first
    first, second = drawing(0), drawing(1)
    second.tell(finished(denoise=2.0))
    first.tell(Progressed(Stage.DENOISE, 1, 10))
    first.tell(finished(denoise=1.0, decode=0.5))
    # When they are watched
    told: list[Progress] = []
    outcome = watch([first, second], told.append)
    # Then the outcome has both, the slowest time of each stage, and every note once
    assert outcome.error is None
    assert outcome.finished is not None
    assert [drawn.timings["denoise"] for drawn in outcome.finished] == [1.0, 2.0]
    assert outcome.timings == {"denoise": 2.0, "decode": 0.5}
    assert outcome.notes == ("halved the batch",)


def test_previews_of_the_first_picture_are_shown() -> None:
    # Given two drawings, each with a preview
    first, second = drawing(0), drawing(1)
    for each, jpeg in ((first, b"first"), (second, b"second")):
        each.tell(Progressed(Stage.DENOISE, 3, 10))
        each.tell(Previewed(partial(bytes, jpeg), 3))
        each.tell(finished())
    # When they are watched
    shown: list[tuple[bytes, int, int]] = []
    watch(
        [first, second],
        lambda _: None,
        show=lambda preview, steps: shown.append((preview.paint(), preview.step, steps)),
    )
    # Then that of the first was shown, once
    assert shown == [(b"first", 3, 10)]


def test_one_failure_cancels_the_others() -> None:
    # Given one drawing that fails while the other still runs
    failing, running = drawing(0), drawing(1)
    failing.tell(Failed(JobFailure("too big", code="out_of_memory")))

    def engine() -> None:
        while not running.cancel_requested:
            threading.Event().wait(0.01)
        running.tell(Canceled())

    threading.Thread(target=engine).start()
    # When they are watched
    outcome = watch([failing, running], lambda _: None)
    # Then the failure is the outcome and the other was canceled
    assert outcome.error is not None
    assert outcome.error.code == "out_of_memory"
    assert outcome.finished is None


def test_canceled_is_neither_finished_nor_failed() -> None:
    canceled = drawing()
    canceled.tell(Canceled())
    outcome = watch([canceled], lambda _: None)
    assert (outcome.finished, outcome.error) == (None, None)


def test_steps_are_told_a_few_times_a_second_and_the_end_at_once() -> None:
    # Given an engine that makes a step every few milliseconds
    drawn = drawing()

    def engine() -> None:
        for step in range(1, 101):
            drawn.tell(Progressed(Stage.DENOISE, step, 100))
            threading.Event().wait(0.005)
        drawn.tell(finished())

    threading.Thread(target=engine).start()
    # When it is watched
    told: list[Progress] = []
    outcome = watch([drawn], told.append)
    # Then a few of the hundred steps were told, in order, and the end was not waited for
    assert outcome.finished is not None
    steps = [progress.step for progress in told if progress.stage is Stage.DENOISE]
    assert 1 <= len(steps) <= 25
    assert steps == sorted(steps)
    assert drawn.wait_for_end(0)


def test_progress_adds_the_steps_of_all_images() -> None:
    # Given three images: one done, one at step 4, one at step 2
    done, ahead, behind = ProgressObserver(drawing()), ProgressObserver(drawing()), ProgressObserver(drawing())
    done.end = finished()
    ahead.latest = Progressed(Stage.DENOISE, 4, 10)
    behind.latest = Progressed(Stage.DENOISE, 2, 10)
    # Then the job is at 16 of 30
    assert progress_of([done, ahead, behind]) == Progress(stage=Stage.DENOISE, step=16, steps=30)
    # and while one still loads, the stage is loading
    behind.latest = Progressed(Stage.LOAD, 0, 0)
    assert progress_of([done, ahead, behind]) == Progress(stage=Stage.LOAD)
