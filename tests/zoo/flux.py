"""FLUX.1 in its five pipelines, and FLUX.2."""

from __future__ import annotations

from typing import Any

from diffusers import (
    AutoencoderKLFlux2,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Pipeline,
    Flux2Transformer2DModel,
    FluxFillPipeline,
    FluxKontextPipeline,
    FluxPipeline,
    FluxTransformer2DModel,
)
from transformers import CLIPTextModel, Mistral3ForConditionalGeneration, Qwen3ForCausalLM

from tests.tiny_models import clip, clip_tokenizer, t5, t5_tokenizer, vae
from tests.zoo.encoders import mistral3, qwen3
from tests.zoo.entry import Entry
from tests.zoo.tokenizers import llama_tokenizer, qwen_tokenizer


def flux_parts(**transformer: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "patch_size": 1,
        "in_channels": 16,
        "num_layers": 1,
        "num_single_layers": 1,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": 64,
        "pooled_projection_dim": 32,
        "axes_dims_rope": (4, 4, 8),
        "guidance_embeds": True,
    }
    return {
        "transformer": FluxTransformer2DModel(**{**settings, **transformer}).eval(),
        "vae": vae(latent_channels=4, shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False),
        "text_encoder": clip(CLIPTextModel),
        "text_encoder_2": t5(),
        "tokenizer": clip_tokenizer(),
        "tokenizer_2": t5_tokenizer(),
        "scheduler": FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    }


def dev() -> FluxPipeline:
    return FluxPipeline(**flux_parts())


def schnell() -> FluxPipeline:
    parts = flux_parts(guidance_embeds=False) | {"scheduler": FlowMatchEulerDiscreteScheduler(shift=1.0)}
    return FluxPipeline(**parts)


def kontext() -> FluxKontextPipeline:
    return FluxKontextPipeline(**flux_parts())


def fill() -> FluxFillPipeline:
    """Beside the latents: those of the masked picture, and the mask, 8x8 pixels a latent, both in patches of 2x2."""
    return FluxFillPipeline(**flux_parts(in_channels=16 + 16 + 4 * 64, out_channels=16))


def klein(*, is_distilled: bool = False) -> Flux2KleinPipeline:
    """Its prompt is what the text encoder's layers 9, 18 and 27 say, side by side."""
    return Flux2KleinPipeline(
        transformer=Flux2Transformer2DModel(**FLUX2, joint_attention_dim=3 * 16, guidance_embeds=False).eval(),
        vae=flux2_vae(),
        text_encoder=qwen3(Qwen3ForCausalLM, width=16, layers=28),
        tokenizer=qwen_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        is_distilled=is_distilled,
    )


def flux2() -> Flux2Pipeline:
    """Its processor would need torchvision; words alone are read by a tokenizer with a chat template as well."""
    return Flux2Pipeline(
        transformer=Flux2Transformer2DModel(**FLUX2, joint_attention_dim=3 * 16).eval(),
        vae=flux2_vae(),
        text_encoder=mistral3(Mistral3ForConditionalGeneration, layers=31),
        tokenizer=llama_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    )


FLUX2: dict[str, Any] = {
    "patch_size": 1,
    "in_channels": 16,
    "num_layers": 1,
    "num_single_layers": 1,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "axes_dims_rope": (4, 4, 4, 4),
}


def flux2_vae() -> AutoencoderKLFlux2:
    return AutoencoderKLFlux2(
        block_out_channels=(8, 8, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=64,
    ).eval()


def kontext_size(width: int, height: int) -> dict[str, Any]:
    """Else it draws the one nearest in shape of the sizes of about a megapixel that it was trained on."""
    return {"max_area": width * height, "_auto_resize": False}


KLEIN: dict[str, Any] = {
    "tasks": ("text-to-image", "image-to-image"),
    "negative": False,
    "strength": False,
    "same_class": True,
}

ENTRIES = {
    "flux": Entry(build=dev, tasks=("text-to-image", "image-to-image", "inpaint"), negative=False),
    "flux-schnell": Entry(build=schnell, guidance=None, negative=False),
    "flux-kontext": Entry(
        build=kontext, tasks=("image-to-image",), negative=False, strength=False, by_size=kontext_size
    ),
    "flux-fill": Entry(build=fill, tasks=("inpaint",), negative=False),
    "flux2": Entry(build=flux2, negative=False),
    "flux2-klein": Entry(build=klein, **KLEIN),
    "flux2-klein-distilled": Entry(build=lambda: klein(is_distilled=True), guidance=None, **KLEIN),
}
