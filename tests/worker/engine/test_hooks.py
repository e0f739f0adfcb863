"""What is hooked, and that a hooked module is itself outside the engine."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

from core.jobs import Stage
from tests.worker.engine.drawings import a_request, draw_all
from worker.contract import Finished
from worker.engine.hooks import hook
from worker.pipelines.models import Models

HEAVY = {
    "sd15": {"text_encoder": Stage.ENCODE, "unet": Stage.DENOISE},
    "sdxl": {"text_encoder": Stage.ENCODE, "text_encoder_2": Stage.ENCODE, "unet": Stage.DENOISE},
    "sd3": {"text_encoder_3": Stage.ENCODE, "transformer": Stage.DENOISE},
    "flux": {"text_encoder_2": Stage.ENCODE, "transformer": Stage.DENOISE},
}


@pytest.mark.parametrize("model", list(HEAVY))
def test_every_heavy_module_is_hooked_once(fresh_models: Callable[..., Models], model: str) -> None:
    pipeline = fresh_models().get(model).pipeline
    assert hook(pipeline)
    forwards = {name: getattr(pipeline, name).forward for name in HEAVY[model]}
    assert {name: forward.easel_stage for name, forward in forwards.items()} == HEAVY[model]
    assert pipeline.vae.decode.easel_stage is Stage.DECODE
    assert hook(pipeline)
    assert all(getattr(pipeline, name).forward is forward for name, forward in forwards.items())


def test_outside_the_engine_a_hooked_module_computes_at_once(fresh_models: Callable[..., Models]) -> None:
    pipeline = fresh_models().get("sd15").pipeline
    latents = torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        before = pipeline.vae.decode(latents).sample
        hook(pipeline)
        assert torch.equal(pipeline.vae.decode(latents).sample, before)


@pytest.mark.parametrize("trait", ["_hf_hook", "_diffusers_hook", "is_cache_enabled"])
def test_modules_with_a_life_of_their_own_are_left_alone(fresh_models: Callable[..., Models], trait: str) -> None:
    pipeline = fresh_models().get("sd15").pipeline
    object.__setattr__(pipeline.unet, trait, SimpleNamespace(hooks={"group_offloading": object()}))
    assert not hook(pipeline)
    assert not hasattr(pipeline.vae.decode, "easel_stage")


@pytest.mark.parametrize("model", list(HEAVY))
def test_a_pipeline_that_has_drawn_is_still_shared(fresh_models: Callable[..., Models], model: str) -> None:
    # Given modules that diffusers gave an empty registry of hooks at their first call
    models = fresh_models()
    (event,) = draw_all(models, [a_request(model, num_inference_steps=1)])
    assert isinstance(event, Finished)
    # When another engine looks at them, then they are as good as new
    assert hook(models.get(model).pipeline)
