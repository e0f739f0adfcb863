"""The tasks: what each is told and takes, what a model must be able to do, and what all of that costs."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from core.catalog.model import Model, SizeGrid
from core.errors import InvalidRequest
from core.jobs import GenerationRequest
from core.media import CUTOUT, IMAGE, TEXT
from core.tasks import Task, all_tasks, implied_task, parameters_of, roles, starting_roles, task_named
from core.tasks.task import Parameters, Role
from tests.core.samples import PARAMETERS

MODEL = Model(id="m", source="m", family="sd15", tasks=("text-to-image",), size=SizeGrid(width=512, height=384))


def test_every_file_with_a_task_is_one() -> None:
    assert list(all_tasks()) == [
        "creative-upscale",
        "image-to-image",
        "image-to-text",
        "inpaint",
        "remove-background",
        "text-to-image",
        "upscale",
    ]
    assert starting_roles() == ("image", "mask")
    assert roles() == ("image", "reference", "control", "mask")
    for name, task in all_tasks().items():
        assert (task.name, task.title.endswith(".")) == (name, True)
        assert task.medium is {"image-to-text": TEXT, "remove-background": CUTOUT}.get(name, IMAGE)


@pytest.mark.parametrize(
    ("given", "task"),
    [([], "text-to-image"), (["image"], "image-to-image"), (["mask", "image"], "inpaint")],
)
def test_a_task_follows_from_its_inputs(given: list[str], task: str) -> None:
    assert implied_task(given).name == task


def test_inputs_that_make_no_sense_are_told_what_would() -> None:
    with pytest.raises(InvalidRequest, match="inpaint takes image and mask") as refused:
        implied_task(["mask"])
    assert refused.value.param == "inputs"
    with pytest.raises(InvalidRequest, match="there is no task 'text-to-smell'"):
        task_named("text-to-smell")


def test_the_model_says_what_a_request_leaves_out() -> None:
    parameters = task_named("text-to-image").parameters

    filled = parameters.model_validate({**parameters.defaults(MODEL, {}), "prompt": "a hat"})

    assert (filled.lane, filled.steps, filled.input_size) == ((512, 384), 25, (512, 384))
    assert filled.model_dump()["negative_prompt"] == ""


@pytest.mark.parametrize(
    ("size", "drawn"), [((600, 300), (600, 304)), ((4000, 2000), (624, 312)), ((100, 100), (440, 440))]
)
def test_a_picture_says_the_size(size: tuple[int, int], drawn: tuple[int, int]) -> None:
    width, height = size
    defaults = PARAMETERS.defaults(MODEL, {"image": [{"width": width, "height": height}]})
    assert (defaults["width"], defaults["height"]) == drawn


def test_cost_is_rows_times_pixels_times_steps() -> None:
    request = GenerationRequest(task="text-to-image", model="m", parameters=PARAMETERS, seeds=(1, 2, 3))
    assert request.cost == 3 * 256 * 256 * 20
    assert (PARAMETERS.row_cost, PARAMETERS.cost) == (256 * 256, 256 * 256 * 20)


@pytest.mark.parametrize(
    ("tasks", "builds_on", "fits"),
    [
        (("text-to-image",), frozenset(), False),
        (("sketch",), frozenset(), True),
        (("text-to-image",), frozenset({"text-to-image"}), True),
        (("text-to-image",), frozenset({"text-to-image", "inpaint"}), False),
    ],
)
def test_a_model_fits_by_name_or_by_what_a_task_builds_on(
    tasks: tuple[str, ...], builds_on: frozenset[str], fits: bool
) -> None:
    sketch = Task(name="sketch", title="A sketch.", parameters=type(PARAMETERS), builds_on=builds_on)
    assert sketch.fits(MODEL.evolve(tasks=tasks)) is fits


def test_the_parameters_of_a_newer_version_are_kept_as_they_stand() -> None:
    assert parameters_of("text-to-smell") is Parameters
    request = GenerationRequest.model_validate(
        {"task": "text-to-smell", "model": "m", "parameters": {"notes": ["musk"]}, "seeds": (1,), "air": "fresh"}
    )
    assert request.parameters.model_dump() == {"notes": ["musk"]}
    assert (request.cost, request.parameters.lane, request.parents) == (1, (), ())


@pytest.mark.parametrize(
    ("task", "changes"),
    [
        ("text-to-image", {"width": 4}),
        ("text-to-image", {"prompt": "a\x00b"}),
        ("text-to-image", {"prompt": "a" * 262_145}),
        ("image-to-image", {"strength": 0}),
        ("inpaint", {"strength": 1.1}),
    ],
)
def test_bounds_hold_for_every_wire(task: str, changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        task_named(task).parameters.model_validate({**PARAMETERS.model_dump(), **changes})


def test_a_role_is_found_by_its_name() -> None:
    inpaint = task_named("inpaint")
    assert inpaint.role("mask") == Role("mask", mode="L")
    assert inpaint.role("sound") is None
