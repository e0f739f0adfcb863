"""Before the first request the engine knows how many rows pay, and nothing of the warm-up is left."""

from __future__ import annotations

from itertools import count

import pytest

from core import tasks
from tests.tiny_models import FAMILIES
from tests.worker.added_modules import AddModule
from tests.worker.engine.drawings import a_request, last_event, plain_picture
from worker.contract import Finished
from worker.engine.batch_size_tuner import FIRST_ROWS
from worker.engine.engine import Engine
from worker.engine.warmup import usual_request, warm_up
from worker.pipelines.models import Models


def widest(engine: Engine) -> int:
    return max(rows for _, stage, rows in engine.stats.forwards if stage == "denoise")


def test_many_rows_are_tried_and_the_engine_is_empty_afterwards(models: Models) -> None:
    # Given a clock that lets the warm-up take its turns
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
    assert (event.result / 255 - expected).abs().max() <= 0.5 / 255 + 1e-4


def test_a_slow_model_is_not_kept_waiting_for(models: Models) -> None:
    # Given a clock by which every turn takes a second
    engine = Engine(models)
    clock = count()
    warm_up(engine, models.catalog.model("sd15"), clock=lambda: float(next(clock)))
    # Then no crowd was drawn
    assert engine.stats.forwards.total() <= 2
    assert (engine.active, engine.waiting) == (0, 0)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_usual_request_is_the_model_s_own(models: Models, family: str) -> None:
    model = models.catalog.model(family)
    usual = usual_request(model)
    assert usual is not None
    assert (usual.model, usual.lane[1:]) == (family, (model.size.width, model.size.height))
    told = usual.parameters.model_dump()
    assert told["prompt"] == ""
    assert (told["num_inference_steps"], told["scheduler"]) == (model.num_inference_steps, model.scheduler)


def test_a_model_that_draws_nothing_without_a_picture_is_left_alone(models: Models) -> None:
    # Given a model that only changes pictures
    model = models.catalog.model("sd15").evolve(tasks=("image-to-image", "inpaint"))
    engine = Engine(models)
    # Then there is nothing to warm it up with
    assert usual_request(model) is None
    warm_up(engine, model)
    assert engine.stats.forwards.total() == 0


WHITTLE = """
    from core.tasks import Parameters, Task

    class WhittleParameters(Parameters):
        wood: str

    TASK = Task(name="a-whittle", title="Of wood.", parameters=WhittleParameters)
"""


def test_a_task_that_has_to_be_told_more_is_passed_over(models: Models, add_module: AddModule) -> None:
    # Given a model that does one before all others
    add_module(tasks, "a_whittle", WHITTLE)
    model = models.catalog.model("sd15").evolve(tasks=("a-whittle", "text-to-image"))
    # Then the usual request is of the next one
    usual = usual_request(model)
    assert usual is not None
    assert usual.task == "text-to-image"
