"""ControlNet has no task yet; its stock pipeline batches through the same hooks all the same."""

from __future__ import annotations

import copy
from typing import Any

import torch
from diffusers import ControlNetModel, StableDiffusionControlNetPipeline

from core.schedulers import Scheduler
from tests import tiny_models
from tests.worker.engine.drawings import PICTURE, a_request
from worker.contract import Drawing
from worker.engine.batch_scheduler import BatchScheduler
from worker.engine.batch_size_tuner import BatchSizeTuner
from worker.engine.fibers import Fiber
from worker.engine.forward import Forwards
from worker.engine.hooks import hook
from worker.engine.prompts import PromptCache
from worker.pipelines.call import Stepped
from worker.pipelines.schedulers import build_scheduler

STEPS = {Scheduler.EULER: 3, Scheduler.DDIM: 5, Scheduler.UNIPC: 4}


def a_pipeline() -> StableDiffusionControlNetPipeline:
    torch.manual_seed(0)
    base = tiny_models.sd15()
    controlnet = ControlNetModel.from_unet(base.unet, conditioning_embedding_out_channels=(8, 8, 16, 16)).eval()
    for parameter in controlnet.controlnet_down_blocks.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    parts = {**base.components, "controlnet": controlnet}
    pipeline = StableDiffusionControlNetPipeline(**parts, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def draw_one(pipeline: Any, scheduler: Scheduler) -> torch.Tensor:
    own = copy.copy(pipeline)
    own.scheduler = build_scheduler(scheduler, pipeline.scheduler.config, STEPS[scheduler])
    generator = torch.Generator().manual_seed(STEPS[scheduler])
    output = own("an apple", PICTURE, num_inference_steps=STEPS[scheduler], generator=generator, output_type="pt")
    picture: torch.Tensor = output.images[0]
    return picture


def test_requests_with_a_controlnet_share_forwards_exactly() -> None:
    # Given three requests and their pictures by the stock pipeline alone
    pipeline = a_pipeline()
    alone = {scheduler: draw_one(pipeline, scheduler) for scheduler in STEPS}
    # When they run together
    assert hook(pipeline)
    together: dict[Scheduler, torch.Tensor] = {}

    def fiber(scheduler: Scheduler) -> Fiber:
        def draw(stepped: Stepped) -> torch.Tensor:
            together[scheduler] = draw_one(pipeline, scheduler)
            return torch.zeros(())

        drawing = Drawing(a_request(num_inference_steps=STEPS[scheduler]))
        prompts = PromptCache()
        return Fiber(
            drawing, pipeline, draw, lambda latents: bytes, prompts=prompts, exclusive=False, clock=lambda: 0.0
        )

    tuner = BatchSizeTuner(16)
    turns, forwards = BatchScheduler(tuner), Forwards(tuner)
    widest = 0
    with torch.no_grad():
        fibers = [fiber(scheduler) for scheduler in STEPS]
        for each in fibers:
            each.begin()
        while fibers := [each for each in fibers if not each.dead]:
            group = turns.choose(fibers)
            widest = max(widest, len(group))
            forwards.run(group)
    # Then forwards were shared, and every picture is the same
    assert widest == 3
    for scheduler in STEPS:
        assert (together[scheduler] - alone[scheduler]).abs().max() <= 1e-4
