"""Diffusion models that enlarge, as rows with the task upscale: diffusers' own pipeline does it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, StableDiffusionUpscalePipeline
from PIL import Image
from pydantic import ValidationError
from transformers import CLIPTextModel

from core.catalog.catalog import Catalog
from core.catalog.model import Model
from core.errors import InvalidRequest
from core.jobs import GenerationRequest
from core.tasks import task_named
from tests.tiny_models import clip, clip_tokenizer, save, unet, vae
from tests.worker.engine.drawings import draw_all
from worker.contract import DrawRequest, Finished
from worker.pipelines.models import Models

ROW = """
[x4]
source = "x4"
family = "sd15"
tasks = ["upscale"]
scale = 4
arguments = { prompt = "", num_inference_steps = 2 }
"""


@pytest.fixture(scope="module")
def upscalers(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    folder = tmp_path_factory.mktemp("x4")
    torch.manual_seed(0)
    three = {"block_out_channels": (8, 8, 16), "down_block_types": ("DownEncoderBlock2D",) * 3}
    pipeline = StableDiffusionUpscalePipeline(
        vae=vae(latent_channels=4, scaling_factor=0.08333, up_block_types=("UpDecoderBlock2D",) * 3, **three),
        text_encoder=clip(CLIPTextModel),
        tokenizer=clip_tokenizer(),
        unet=unet(in_channels=7, num_class_embeds=1000),
        low_res_scheduler=DDPMScheduler(),
        scheduler=DDIMScheduler(),
    )
    save(pipeline, folder / "x4")
    (folder / "catalog.toml").write_text(ROW)
    return Catalog.load(folder / "catalog.toml")


def test_it_enlarges_by_what_its_row_says(upscalers: Catalog) -> None:
    # Given a picture, and a request for all that the row enlarges by
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (16, 24, 3), dtype=np.uint8))
    row, task = upscalers.model("x4"), task_named("upscale")
    told = task.parameters.model_validate(task.parameters.defaults(row, {}))
    request = GenerationRequest(task="upscale", model="x4", parameters=told, seeds=(1, 2))
    # When two are drawn
    drawings = [DrawRequest(request=request, seed=seed, inputs={"image": (picture,)}) for seed in request.seeds]
    events = draw_all(Models(upscalers, device="cpu"), drawings)
    # Then both are four times as large, and each is its seed's
    assert all(isinstance(event, Finished) for event in events), events
    one, other = (event.result for event in events if isinstance(event, Finished))
    assert tuple(one.shape) == (64, 96, 3)
    assert not torch.equal(one, other)


def test_it_does_no_other_scale(upscalers: Catalog) -> None:
    task = task_named("upscale")
    told = task.parameters.model_validate({"scale": 2.0})
    with pytest.raises(InvalidRequest, match="scale 2 does not fit model 'x4': it makes pictures 4 times as large"):
        task.check(upscalers.model("x4"), told, 1)


def test_rows_that_enlarge_say_by_how_much_and_no_others() -> None:
    with pytest.raises(ValidationError, match="scale belongs to the rows that have the task upscale"):
        Model.model_validate({"id": "m", "source": "m", "tasks": ["upscale"]})
    with pytest.raises(ValidationError, match="scale belongs to the rows that have the task upscale"):
        Model.model_validate({"id": "m", "source": "m", "scale": 2})
