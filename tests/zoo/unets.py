"""Pipelines with a UNet: Stable Diffusion 1.5, 2 and XL, their inpainting models, LCM, InstructPix2Pix; and SD 3.5."""

from __future__ import annotations

from typing import Any

from diffusers import (
    DDIMScheduler,
    DiffusionPipeline,
    EulerAncestralDiscreteScheduler,
    LatentConsistencyModelPipeline,
    LCMScheduler,
    PNDMScheduler,
    StableDiffusion3Pipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLInpaintPipeline,
)
from transformers import CLIPTextModel

from tests.tiny_models import SD15_BETAS, clip, clip_tokenizer, sd3, sdxl, unet, vae
from tests.zoo.entry import Entry

ALL_TASKS = ("text-to-image", "image-to-image", "inpaint")
WITH_MASK = 4 + 4 + 1
"""Channels of an inpainting UNet: the latents, those of the masked picture, the mask."""


def sd_parts(width: int = 32, **denoiser: Any) -> dict[str, Any]:
    return {
        "vae": vae(latent_channels=4),
        "text_encoder": clip(CLIPTextModel, width=width),
        "tokenizer": clip_tokenizer(),
        "unet": unet(cross_attention_dim=width, **denoiser),
        "scheduler": PNDMScheduler(**SD15_BETAS, skip_prk_steps=True, set_alpha_to_one=False, steps_offset=1),
        "safety_checker": None,
        "feature_extractor": None,
        "requires_safety_checker": False,
    }


def sd15() -> StableDiffusionPipeline:
    return StableDiffusionPipeline(**sd_parts())


def sd2() -> StableDiffusionPipeline:
    """As 2.1 of 768 pixels: wider words, linear projections, velocities predicted."""
    scheduler = DDIMScheduler(
        **SD15_BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1, prediction_type="v_prediction"
    )
    parts = sd_parts(width=64, use_linear_projection=True, attention_head_dim=(2, 4))
    return StableDiffusionPipeline(**parts | {"scheduler": scheduler})


def sd15_inpainting() -> StableDiffusionInpaintPipeline:
    return StableDiffusionInpaintPipeline(**sd_parts(in_channels=WITH_MASK))


def instruct_pix2pix() -> StableDiffusionInstructPix2PixPipeline:
    scheduler = EulerAncestralDiscreteScheduler(**SD15_BETAS, steps_offset=1)
    return StableDiffusionInstructPix2PixPipeline(**sd_parts(in_channels=8) | {"scheduler": scheduler})


def lcm() -> LatentConsistencyModelPipeline:
    """Guidance is told to its UNet, in an embedding."""
    scheduler = LCMScheduler(**SD15_BETAS, clip_sample=False, set_alpha_to_one=True)
    return LatentConsistencyModelPipeline(**sd_parts(time_cond_proj_dim=32) | {"scheduler": scheduler})


def sdxl_inpainting() -> StableDiffusionXLInpaintPipeline:
    parts: DiffusionPipeline = sdxl(in_channels=WITH_MASK)
    return StableDiffusionXLInpaintPipeline(**parts.components)


def sd35() -> StableDiffusion3Pipeline:
    return sd3(qk_norm="rms_norm", dual_attention_layers=(0,))


ENTRIES = {
    "sd15": Entry(build=sd15, tasks=ALL_TASKS),
    "sd2": Entry(build=sd2, tasks=ALL_TASKS),
    "sd15-inpainting": Entry(build=sd15_inpainting, tasks=("inpaint",)),
    "sdxl": Entry(build=sdxl, tasks=ALL_TASKS),
    "sdxl-inpainting": Entry(build=sdxl_inpainting, tasks=("inpaint",)),
    "sd35": Entry(build=sd35, tasks=ALL_TASKS),
    "lcm": Entry(build=lcm, negative=False),
    "instruct-pix2pix": Entry(
        build=instruct_pix2pix,
        tasks=("image-to-image",),
        sized=False,
        strength=False,
        equal_lengths="a request has three rows, and the first forwards of a kind take no more than eight",
    ),
}
