"""The recipe has the keys that its readers know, and those of a task that they do not."""

from __future__ import annotations

import json

from app.api.generation_input import GenerationInput
from core import tasks
from core.jobs import Adapter
from core.media import Guide, Input
from tests.worker.added_modules import AddModule
from tests.worker.engine.drawings import a_request
from worker.recipe import recipe

WORDS = {"prompt": "赤いリンゴ", "negative_prompt": "text", "scheduler": "ddim"}


def test_the_recipe_is_flat_and_has_every_parameter() -> None:
    told = a_request("mini", task="image-to-image", num_inference_steps=20, strength=0.5, **WORDS).request
    assert json.loads(recipe(told, 7)) == {
        "task": "image-to-image",
        "model": "mini",
        "prompt": "赤いリンゴ",
        "negative_prompt": "text",
        "width": 64,
        "height": 64,
        "num_inference_steps": 20,
        "guidance_scale": 5.0,
        "scheduler": "ddim",
        "noise_schedule": "automatic",
        "strength": 0.5,
        "seed": 7,
    }
    assert recipe(told, 7).isascii()


def test_what_goes_without_saying_is_told_where_it_is_asked_for() -> None:
    told = json.loads(recipe(a_request(tiling=True, weird=250).request, 7))
    assert (told["tiling"], told["weird"]) == (True, 250)
    assert "chaos" not in told
    # As a body takes them
    body = GenerationInput.model_validate({"prompt": "a fox", "tiling": told["tiling"], "weird": told["weird"]})
    assert body.model_dump()["weird"] == 250


def test_adapters_are_part_of_the_recipe_where_there_are_any() -> None:
    told = a_request().request.evolve(adapters=(Adapter(id="ink", weight=0.5),))
    assert json.loads(recipe(told, 7))["adapters"] == {"loras": [{"id": "ink", "weight": 0.5}]}


def test_guides_are_part_of_the_recipe_but_for_their_pictures() -> None:
    control = Guide(adapter="canny", weight=0.5, end=0.7, preprocessor="canny", thresholds=(64, 128))
    inputs = [
        Input(role=role, key="k", medium="image/png", size_bytes=1, guide=guide)
        for role, guide in (("control", control), ("reference", Guide(weight=0.3)), ("image", None))
    ]
    told = json.loads(recipe(a_request().request.evolve(inputs=tuple(inputs)), 7))
    assert told["inputs"] == {
        "control": [
            {
                "adapter": "canny",
                "scale": 0.5,
                "start": 0.0,
                "end": 0.7,
                "preprocessor": "canny",
                "thresholds": [64, 128],
            }
        ],
        "reference": [{"weight": 0.3}],
    }
    # As a body takes them
    body = GenerationInput.model_validate({"prompt": "a fox", "inputs": told["inputs"]})
    assert body.inputs.control[0].scale == 0.5


HUM = """
    from core.tasks import Parameters, Task

    class HumParameters(Parameters):
        prompt: str
        seconds: float | None = 2.0

    TASK = Task(name="hum", title="A tune.", parameters=HumParameters, implied=False)
"""


def test_a_task_that_nobody_knows_has_what_it_was_told(add_module: AddModule) -> None:
    add_module(tasks, "hum", HUM)
    told = a_request("m", task="hum").request
    assert json.loads(recipe(told, 7)) == {
        "task": "hum",
        "model": "m",
        "prompt": "a red apple",
        "seconds": 2.0,
        "seed": 7,
    }
