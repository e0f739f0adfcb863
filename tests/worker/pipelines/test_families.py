"""Families differ where diffusers does not tell by itself; what several files say of one family is one."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from diffusers import (
    FluxImg2ImgPipeline,
    FluxInpaintPipeline,
    FluxPipeline,
    StableDiffusion3Img2ImgPipeline,
    StableDiffusion3InpaintPipeline,
    StableDiffusion3Pipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPAGPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
)

from tests.tiny_models import FAMILIES, TASKS
from tests.worker.engine.drawings import a_request
from worker.pipelines.arguments import call_arguments
from worker.pipelines.components import sets_processors
from worker.pipelines.families import leaves_half, traits_of
from worker.pipelines.models import Models
from worker.pipelines.traits import PIPELINES, Traits, merged

EXPECTED = {
    ("sd15", "text-to-image"): StableDiffusionPipeline,
    ("sd15", "image-to-image"): StableDiffusionImg2ImgPipeline,
    ("sd15", "inpaint"): StableDiffusionInpaintPipeline,
    ("sdxl", "text-to-image"): StableDiffusionXLPipeline,
    ("sdxl", "image-to-image"): StableDiffusionXLImg2ImgPipeline,
    ("sdxl", "inpaint"): StableDiffusionXLInpaintPipeline,
    ("sd3", "text-to-image"): StableDiffusion3Pipeline,
    ("sd3", "image-to-image"): StableDiffusion3Img2ImgPipeline,
    ("sd3", "inpaint"): StableDiffusion3InpaintPipeline,
    ("flux", "text-to-image"): FluxPipeline,
    ("flux", "image-to-image"): FluxImg2ImgPipeline,
    ("flux", "inpaint"): FluxInpaintPipeline,
}


def test_every_family_does_every_task() -> None:
    able = {(family, task) for family in FAMILIES for task in TASKS if traits_of(family).pipeline_for(task)}
    assert able == set(EXPECTED)


@pytest.mark.parametrize(("family", "task"), list(EXPECTED))
def test_the_pipeline_takes_every_argument_of_the_call(models: Models, family: str, task: str) -> None:
    request, model = a_request(family, task=task), models.get(family)
    pipeline = model.pipeline_for(request)
    assert isinstance(pipeline, EXPECTED[family, task])
    arguments = call_arguments(pipeline, request, model.traits, model.row)
    parameters = inspect.signature(EXPECTED[family, task].__call__).parameters
    assert set(arguments) <= set(parameters)
    assert {"prompt", "num_inference_steps", "guidance_scale"} <= set(arguments)
    # A pipeline that can be told a size is told: its own default is another
    assert ("width" in parameters) == ("width" in arguments)
    assert ("strength" in arguments) == (task != "text-to-image")


def test_flux_has_no_negative_prompt(models: Models) -> None:
    request, model = a_request("flux"), models.get("flux")
    assert "negative_prompt" in inspect.signature(FluxPipeline.__call__).parameters
    assert "negative_prompt" not in call_arguments(model.pipeline_for(request), request, model.traits, model.row)


@pytest.mark.parametrize(("width", "height"), [(64, 64), (64, 32), (32, 128)])
def test_flux_latents_are_unpacked_as_flux_packs_them(width: int, height: int) -> None:
    grid = torch.randn(2, 4, height // 8, width // 8)
    packed = FluxPipeline._pack_latents(grid, 2, 4, height // 8, width // 8)
    request = a_request("flux", width=width, height=height)
    assert torch.equal(traits_of("flux").grid(packed, request), grid)


def test_a_family_nobody_speaks_of_gets_what_diffusers_has() -> None:
    traits = traits_of("heard of by nobody")
    assert [traits.pipeline_for(task) for task in TASKS] == [PIPELINES[task] for task in TASKS]
    assert not traits.half_overflows
    latents = torch.zeros(1, 4, 8, 8)
    assert traits.grid(latents, a_request()) is latents


def test_a_task_that_does_not_exist_has_no_pipeline() -> None:
    assert traits_of("sd15").pipeline_for("knit") is None


ONE = frozenset({"one"})


def test_files_of_one_family_add_up() -> None:
    # Given two files of one family, and one of another
    def adjust(pipeline: Any) -> None: ...

    files = [
        Traits(families=frozenset({"one", "two"}), without=frozenset({"eta"}), after_load=(adjust,)),
        Traits(families=ONE, without=frozenset({"clip_skip"}), pipelines={"a": FluxPipeline}, half_overflows=True),
        Traits(families=frozenset({"two"}), cannot=frozenset({"a"})),
    ]
    # When they are merged
    one, two = merged("one", files), merged("two", files)
    # Then each family has what is said of it, in whatever file
    assert (one.without, one.half_overflows, one.after_load) == ({"eta", "clip_skip"}, True, (adjust,))
    assert one.pipeline_for("a") is FluxPipeline
    assert two.pipeline_for("a") is None


def test_a_pipeline_that_a_file_brings_along_counts_more_than_a_refusal() -> None:
    brought = merged("one", [Traits(families=ONE, cannot=ONE), Traits(families=ONE, pipelines={"one": FluxPipeline})])
    assert brought.pipeline_for("one") is FluxPipeline


@pytest.mark.parametrize(
    "differ",
    [
        [{"pipelines": {"a": FluxPipeline}}, {"pipelines": {"a": StableDiffusionPipeline}}],
        [{"latent_grid": lambda latents, request: latents}, {"latent_grid": lambda latents, request: latents}],
    ],
)
def test_files_that_contradict_each_other_are_refused(differ: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match=r"two files of traits name a .* of family 'one'"):
        merged("one", [Traits(families=ONE, **said) for said in differ])


def test_a_pipeline_that_sets_processors_while_it_runs_is_told_by_its_code() -> None:
    """Two requests of it at once would set each other's."""
    assert sets_processors(StableDiffusionPAGPipeline.__call__)
    assert not sets_processors(StableDiffusionPipeline.__call__)


@pytest.mark.parametrize(
    ("family", "components", "leaves"),
    [
        ("sd15", {"unet", "vae"}, False),
        ("flux", set(), True),
        ("qwen-image", {"transformer", "vae"}, True),
        ("heard-of-by-nobody", {"unet"}, False),
    ],
)
def test_a_transformer_is_not_held_in_float16_whichever_its_family(
    family: str, components: set[str], leaves: bool
) -> None:
    assert leaves_half(family, components) is leaves
