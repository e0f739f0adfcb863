"""A call of any pipeline: with the words it has, with or without callbacks, for a picture or for something else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import FluxPipeline, PixArtAlphaPipeline, StableDiffusionPanoramaPipeline, StableDiffusionPipeline

from core import tasks
from core.errors import JobFailure
from core.media import IMAGE, Format, Medium
from tests import tiny_models
from tests.worker.added_modules import AddModule
from tests.worker.engine.drawings import a_request, draw_all, plain_picture
from worker.contract import Finished
from worker.pipelines import families
from worker.pipelines.call import PipelineCall, in_size, result_of
from worker.pipelines.loaded_model import LoadedModel, with_components_of
from worker.pipelines.models import Models
from worker.pipelines.schedulers import build_scheduler
from worker.pipelines.traits import Traits

CPU = torch.device("cpu")
SOUND = Medium(name="sound", formats=(Format(name="wav", media_type="audio/wav", extension="wav"),))
ROUNDING = 0.5 / 255 + 1e-4


def ignore(step: int, steps: int, latents: torch.Tensor | None) -> None: ...


@torch.no_grad()
def drawn_by(model: LoadedModel, **changes: Any) -> torch.Tensor:
    result: torch.Tensor = PipelineCall(model, a_request(**changes)).run(ignore)
    return result


@pytest.mark.parametrize(
    ("negative", "guidance", "notes"),
    [
        ("ugly", 1.0, ["negative_prompt has no effect with guidance_scale 1: guidance begins above 1"]),
        ("ugly", 1.5, []),
        ("", 1.0, []),
    ],
)
def test_a_negative_prompt_without_guidance_is_noted(
    models: Models, negative: str, guidance: float, notes: list[str]
) -> None:
    # Given a request that names what to keep out
    (event,) = draw_all(models, [a_request("sd15", negative_prompt=negative, guidance_scale=guidance)])
    # Then the job says so where that changes nothing
    assert isinstance(event, Finished)
    assert [*event.notes] == notes


def test_each_step_is_told_with_its_latents(models: Models) -> None:
    told: list[tuple[int, int, bool]] = []
    with torch.no_grad():
        call = PipelineCall(models.get("sd15"), a_request(num_inference_steps=3))
        call.run(lambda step, steps, latents: told.append((step, steps, isinstance(latents, torch.Tensor))))
    assert told == [(1, 3, True), (2, 3, True), (3, 3, True)]


SKETCH = """
    from core.tasks import Task
    from core.tasks.diffusion import DiffusionParameters

    class SketchParameters(DiffusionParameters):
        guidance_rescale: float = 0.7

    TASK = Task(name="sketch", title="In softer colours.", parameters=SketchParameters, implied=False)
"""
SKETCHES_OF_SD15 = """
    from diffusers import StableDiffusionPipeline
    from worker.pipelines.traits import Traits

    TRAITS = Traits(families=frozenset({"sd15"}), pipelines={"sketch": StableDiffusionPipeline})
"""


def test_a_new_task_brings_its_pipeline_for_an_existing_family(add_module: AddModule, catalog: Any) -> None:
    # Given a new task, and a file that says what draws it, beside those that there are
    add_module(tasks, "sketch", SKETCH)
    add_module(families, "sketches", SKETCHES_OF_SD15)
    models = Models(catalog, device="cpu")
    # When it is drawn, by the engine
    request = a_request(task="sketch")
    (event,) = draw_all(models, [request])
    # Then it is what that pipeline draws of the task's own parameter
    stock: Any = with_components_of(models.get("sd15").pipeline, StableDiffusionPipeline)
    stock.set_progress_bar_config(disable=True)
    told: Any = request.parameters
    stock.scheduler = build_scheduler(told.scheduler, stock.scheduler.config, 4)
    alike, other = (
        stock(
            "a red apple",
            negative_prompt="",
            width=64,
            height=64,
            num_inference_steps=4,
            guidance_scale=5.0,
            guidance_rescale=rescale,
            generator=torch.Generator().manual_seed(1),
            output_type="pt",
        )
        .images[0]
        .permute(1, 2, 0)
        for rescale in (0.7, 0.0)
    )
    assert isinstance(event, Finished)
    assert (event.result / 255 - alike).abs().max() <= ROUNDING
    assert (event.result / 255 - other).abs().max() > ROUNDING
    # And families that nobody has told of it do without
    assert families.traits_of("flux").pipeline_for("sketch") is None


OUTLINE = """
    from core.tasks import Role, Task
    from core.tasks.image_to_image import ImageToImageParameters

    TASK = Task(
        name="outline", title="From a drawing.", parameters=ImageToImageParameters, roles=(Role("image"),),
        builds_on=frozenset({"image-to-image", "text-to-image"}), implied=False,
    )
"""


def test_a_task_without_a_pipeline_is_drawn_by_that_of_the_task_it_builds_on(
    add_module: AddModule, models: Models
) -> None:
    add_module(tasks, "outline", OUTLINE)
    built, base = draw_all(models, [a_request(task=task, seed=3) for task in ("outline", "image-to-image")])
    assert isinstance(built, Finished)
    assert isinstance(base, Finished)
    assert torch.equal(built.result, base.result)


def test_a_family_that_nobody_speaks_of_draws_as_plain_diffusers(catalog: Any) -> None:
    # Given a row whose family no file names
    row = catalog.model("sd15").evolve(family="heard-of-by-nobody")
    models = Models(catalog.evolve(models=(row,)), device="cpu")
    # When all of its tasks are drawn
    requests = [a_request(task=task, num_inference_steps=3) for task in tiny_models.TASKS]
    # Then they are what stock diffusers draws
    for request, event in zip(requests, draw_all(models, requests), strict=True):
        assert isinstance(event, Finished)
        expected = plain_picture(models, request).permute(1, 2, 0)
        assert (event.result / 255 - expected).abs().max() <= ROUNDING


def test_a_pipeline_that_diffusers_links_to_no_task_does_its_own(catalog: Any) -> None:
    # Given a pipeline of a make that no Auto class knows
    pipeline: Any = with_components_of(tiny_models.sd15(), StableDiffusionPanoramaPipeline)
    model = LoadedModel(catalog.model("sd15"), pipeline, CPU)
    # Then it draws what its row names first, and refuses what it was not made for
    assert drawn_by(model).shape == (64, 64, 3)
    with pytest.raises(JobFailure) as refused:
        drawn_by(model, task="inpaint")
    assert refused.value.code == "task_not_supported"


class WithoutCallback(StableDiffusionPipeline):
    """Older pipelines know no callback at the end of a step."""

    def __call__(self, prompt: str, width: int, height: int, num_inference_steps: int, **rest: Any) -> Any:
        assert not rest
        return (torch.rand(1, 3, height, width),)


def test_a_pipeline_is_told_nothing_that_it_has_no_word_for(catalog: Any) -> None:
    pipeline: Any = with_components_of(tiny_models.sd15(), WithoutCallback)
    traits = Traits(families=frozenset({"sd15"}), pipelines={"text-to-image": WithoutCallback})
    model = LoadedModel(catalog.model("sd15"), pipeline, CPU)
    model.traits = traits
    assert drawn_by(model, width=32).shape == (64, 32, 3)


def test_a_scheduler_that_is_not_named_is_the_model_s_own(models: Models) -> None:
    request = a_request()
    without = request.parameters.model_copy(update={"scheduler": None})
    made = models.get("sd15").pipeline_for(
        type(request)(request=request.request.model_copy(update={"parameters": without}), seed=1)
    )
    assert type(made.scheduler).__name__ == "DDIMScheduler"
    assert made.scheduler is not models.get("sd15").pipeline.scheduler


def test_a_pipeline_whose_components_are_missing_says_so() -> None:
    with pytest.raises(ValueError, match=r"FluxPipeline needs .*transformer"):
        with_components_of(tiny_models.sd15(), FluxPipeline)
    with pytest.raises(ValueError, match="PixArtAlphaPipeline needs transformer"):
        with_components_of(tiny_models.sd15(), PixArtAlphaPipeline)


def test_a_pipeline_named_for_a_task_is_not_replaced_by_another(catalog: Any) -> None:
    # Given a file that names a pipeline for which this model lacks components
    model = LoadedModel(catalog.model("sd15"), tiny_models.sd15(), CPU)
    model.traits = Traits(families=frozenset({"sd15"}), pipelines={"text-to-image": FluxPipeline})
    # Then the task is refused, though the model's own pipeline would do it
    with pytest.raises(JobFailure, match="does not do text-to-image"):
        drawn_by(model)


def test_components_stay_in_their_own_precision() -> None:
    base: Any = tiny_models.sd15()
    base.unet.to(dtype=torch.bfloat16)
    made = with_components_of(base, StableDiffusionPanoramaPipeline)
    assert made.unet is base.unet
    assert (made.unet.dtype, made.vae.dtype) == (torch.bfloat16, torch.float32)


def test_what_is_no_picture_leaves_as_it_came() -> None:
    sound = torch.randn(1, 2, 100)
    assert torch.equal(result_of((sound,), SOUND), sound[0])
    assert result_of(([b"abc"],), SOUND) == b"abc"


def test_what_the_model_s_safety_checker_withheld_is_a_failure() -> None:
    output: Any = SimpleNamespace(nsfw_content_detected=[True])
    with pytest.raises(JobFailure) as failure:
        result_of(output, IMAGE)
    assert failure.value.code == "content_filtered"


def test_another_size_than_the_one_asked_for_is_an_error_that_says_so() -> None:
    pixels = torch.zeros(32, 64, 3, dtype=torch.uint8)
    assert in_size(pixels, (64, 32)) is in_size(pixels, None) is pixels
    with pytest.raises(JobFailure, match="32x64 was asked for, and the model drew 64x32") as failure:
        in_size(pixels, (32, 64))
    assert failure.value.code == "size_not_drawn"
