"""Before the first request the engine knows how many rows pay, and nothing of the rehearsal is left."""

from __future__ import annotations

from itertools import count

from tests.worker.engine.drawings import a_request, last_event, plain_picture
from worker.contract import Finished
from worker.engine.batch_size_tuner import FIRST_ROWS
from worker.engine.engine import Engine
from worker.engine.warmup import warm_up
from worker.pipelines.models import Models


def widest(engine: Engine) -> int:
    return max(rows for _, stage, rows in engine.stats.forwards if stage == "denoise")


def test_many_rows_are_tried_and_the_engine_is_empty_afterwards(models: Models) -> None:
    # Given a clock that lets the rehearsal take its turns
    engine = Engine(models)
    clock = count(step=0.001)
    warm_up(engine, models.catalog.model("sd15"), clock=lambda: next(clock))
    # Then full batches ran, and nothing is under way
    assert widest(engine) >= FIRST_ROWS
    assert (engine.active, engine.waiting) == (0, 0)
    # And requests are drawn as ever
    drawing = engine.submit(a_request())
    engine.stop()
    engine.run()
    event = last_event(drawing)
    assert isinstance(event, Finished)
    expected = plain_picture(models, drawing.request).permute(1, 2, 0)
    assert (event.pixels / 255 - expected).abs().max() <= 0.5 / 255 + 1e-4


def test_a_slow_model_is_not_kept_waiting_for(models: Models) -> None:
    # Given a clock by which every turn takes a second
    engine = Engine(models)
    clock = count()
    warm_up(engine, models.catalog.model("sd15"), clock=lambda: float(next(clock)))
    # Then no crowd was drawn
    assert engine.stats.forwards.total() <= 2
    assert (engine.active, engine.waiting) == (0, 0)
