"""How an exported model is opened, and the steps and guidance that it is drawn with."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import LCMScheduler, StableDiffusionPipeline

from training import workspace

STEPS, GUIDANCE = 20, 3.0
FEW_STEPS = 4  # of the model with its LoRA, without guidance


def settings(pipeline: StableDiffusionPipeline) -> dict[str, float]:
    """Steps and guidance that the model is made for."""
    few = isinstance(pipeline.scheduler, LCMScheduler)
    return {"num_inference_steps": FEW_STEPS if few else STEPS, "guidance_scale": 1.0 if few else GUIDANCE}


def open_model(folder: Path, lora: Path | None) -> StableDiffusionPipeline:
    """The model, and with a LoRA for few steps that and its scheduler, as anybody would load them."""
    pipeline = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    if lora is not None:
        pipeline.scheduler = LCMScheduler.from_config(pipeline.scheduler.config)
        pipeline.load_lora_weights(lora)
        pipeline.fuse_lora()
        pipeline.unload_lora_weights()
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(workspace.device())
