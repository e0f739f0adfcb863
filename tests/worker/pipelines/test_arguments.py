"""Whatever a task is told reaches the pipeline if the pipeline has a word for it, and nothing else does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from core import tasks
from core.catalog.model import Model
from core.errors import JobFailure
from core.tasks.diffusion import DiffusionParameters
from tests.worker.added_modules import AddModule
from tests.worker.engine.drawings import MASK, PICTURE, a_request
from worker.contract import DrawRequest
from worker.pipelines.arguments import call_arguments
from worker.pipelines.traits import Traits

NO_TRAITS = Traits(families=frozenset())


class Pipeline:
    """As much of a pipeline as is asked for its parameters."""

    def __call__(
        self,
        prompt: str,
        image: Any,
        mask_image: Any = None,
        reference: Any = None,
        strength: float = 0.8,
        clip_skip: int | None = None,
        num_images_per_prompt: int = 1,
        **rest: Any,
    ) -> None: ...


def a_row(**fields: Any) -> Model:
    return Model.model_validate({"id": "small", "source": "small", **fields})


def arguments_of(request: DrawRequest, traits: Traits = NO_TRAITS, **fields: Any) -> dict[str, Any]:
    return call_arguments(Pipeline(), request, traits, a_row(**fields))


KNIT = """
    from core.tasks import Role, Task
    from core.tasks.diffusion import DiffusionParameters

    class KnitParameters(DiffusionParameters):
        clip_skip: int | None = None
        needles: int = 2

    TASK = Task(
        name="knit", title="Wool.", parameters=KnitParameters,
        roles=(Role("image"), Role("reference", mode="L", most=4)),
    )
"""


def a_knit_request(**changes: Any) -> DrawRequest:
    return a_request(task="knit", image=PICTURE, reference=MASK, **changes)


def test_a_task_and_parameters_that_nobody_knows_are_passed_by_name(add_module: AddModule) -> None:
    # Given a task with words and a role of its own
    add_module(tasks, "knit", KNIT)
    # When its arguments are chosen for a pipeline that has some of the words
    arguments = arguments_of(a_knit_request(clip_skip=1, needles=3))
    # Then it is told those, and a list where there may be several pictures, and nothing that it has no word for
    assert arguments.keys() == {"prompt", "image", "reference", "clip_skip"}
    assert (arguments["prompt"], arguments["clip_skip"]) == ("a red apple", 1)
    assert [picture.mode for picture in arguments["reference"]] == ["L"]


def test_what_is_left_open_is_left_to_the_pipeline(add_module: AddModule) -> None:
    add_module(tasks, "knit", KNIT)
    assert "clip_skip" not in arguments_of(a_knit_request())


def test_what_a_family_does_not_want_is_not_passed() -> None:
    traits = Traits(families=frozenset(), without=frozenset({"strength"}))
    assert "strength" in arguments_of(a_request(task="image-to-image"))
    assert "strength" not in arguments_of(a_request(task="image-to-image"), traits)


def test_what_no_task_declares_is_never_an_argument() -> None:
    # Given a record with a field that the task does not have, which the pipeline would take
    request = a_request(task="image-to-image")
    stored = {**request.parameters.model_dump(), "num_images_per_prompt": 1000}
    told = type(request.parameters).model_validate(stored)
    assert isinstance(told, DiffusionParameters)
    assert told.model_extra == {"num_images_per_prompt": 1000}
    # Then it is not passed
    assert "num_images_per_prompt" not in arguments_of(
        DrawRequest(request=request.request.evolve(parameters=told), seed=1, inputs=request.inputs)
    )


@pytest.mark.parametrize(
    ("steps", "strength", "drawn"), [(20, 0.8, 16), (4, 0.1, 1), (1, 0.001, 1), (2, 0.5, 1), (3, 1.0, 3)]
)
def test_some_step_is_always_drawn(steps: int, strength: float, drawn: int) -> None:
    request = a_request(task="image-to-image", num_inference_steps=steps, strength=strength)
    assert int(steps * arguments_of(request)["strength"]) == drawn


def test_pictures_come_in_the_size_and_colours_asked_for() -> None:
    picture, mask = Image.new("RGBA", (30, 20)), Image.new("1", (7, 7))
    request = a_request(task="inpaint", image=picture, mask=mask, width=64, height=32)
    arguments = arguments_of(request)
    assert (arguments["image"].size, arguments["image"].mode) == ((64, 32), "RGB")
    assert (arguments["mask_image"].size, arguments["mask_image"].mode) == ((64, 32), "L")


def test_all_that_a_soft_mask_touches_is_drawn_anew() -> None:
    fading = Image.linear_gradient("L").resize((64, 256))
    request = a_request(task="inpaint", image=PICTURE, mask=fading, width=64, height=256)
    arguments = call_arguments(Pipeline(), request, NO_TRAITS, a_row())
    assert [arguments["mask_image"].getpixel((0, y)) for y in (0, 10, 20, 100, 255)] == [0, 0, 255, 255, 255]


@pytest.mark.parametrize("missing", ["image", "mask"])
def test_a_picture_that_is_missing_is_named(missing: str) -> None:
    request = a_request(task="inpaint", **{missing: None})
    with pytest.raises(JobFailure, match=f"the task inpaint needs an? {missing}"):
        arguments_of(request)


class Distilled:
    """A pipeline that has two words for guidance, such as Qwen-Image's or FLUX's, and sizes of its own."""

    def __init__(self, *, guidance_embeds: bool) -> None:
        self.transformer = SimpleNamespace(config={"guidance_embeds": guidance_embeds})

    def __call__(
        self,
        prompt: str,
        negative_prompt: str | None = None,
        true_cfg_scale: float = 4.0,
        guidance_scale: float | None = None,
        max_area: int = 1024**2,
        _auto_resize: bool = True,
        use_resolution_binning: bool = True,
        intermediate_timesteps: float | None = 1.3,
        num_inference_steps: int = 2,
    ) -> None: ...


def test_guidance_is_the_real_one_where_the_model_was_not_taught_it_as_a_number() -> None:
    request = a_request(guidance_scale=3.0)
    taught, real = (
        call_arguments(Distilled(guidance_embeds=embeds), request, NO_TRAITS, a_row()) for embeds in (True, False)
    )
    assert (taught["guidance_scale"], "true_cfg_scale" in taught) == (3.0, False)
    assert real["true_cfg_scale"] == 3.0


def test_a_pipeline_with_sizes_of_its_own_is_kept_from_them() -> None:
    arguments = call_arguments(Distilled(guidance_embeds=True), a_request(width=64, height=32), NO_TRAITS, a_row())
    assert arguments["max_area"] == 64 * 32
    assert arguments["_auto_resize"] is arguments["use_resolution_binning"] is False


def test_sprints_intermediate_time_is_for_two_steps_only() -> None:
    def told(steps: int) -> dict[str, Any]:
        request = a_request(num_inference_steps=steps)
        return call_arguments(Distilled(guidance_embeds=True), request, NO_TRAITS, a_row())

    assert "intermediate_timesteps" not in told(2)
    assert told(3)["intermediate_timesteps"] is None


def test_a_row_s_arguments_and_its_word_on_negative_prompts_count() -> None:
    request = a_request(negative_prompt="ugly")
    row = a_row(arguments={"true_cfg_scale": 2.0, "unheard_of": 1}, negative_prompt=False)
    arguments = call_arguments(Distilled(guidance_embeds=True), request, NO_TRAITS, row)
    assert arguments["true_cfg_scale"] == 2.0
    assert arguments.keys().isdisjoint({"negative_prompt", "unheard_of"})
