"""Diffusion transformers whose prompts Gemma, Glm or Llama reads: Sana, Sana-Sprint, Lumina, PRX, CogView4, HiDream."""

from __future__ import annotations

from typing import Any

from diffusers import (
    AutoencoderDC,
    AutoencoderKL,
    CogView4Pipeline,
    CogView4Transformer2DModel,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    HiDreamImagePipeline,
    HiDreamImageTransformer2DModel,
    Lumina2Pipeline,
    Lumina2Transformer2DModel,
    LuminaNextDiT2DModel,
    LuminaPipeline,
    PRXPipeline,
    PRXTransformer2DModel,
    SanaPipeline,
    SanaSprintPipeline,
    SanaTransformer2DModel,
    SCMScheduler,
)
from transformers import CLIPTextModelWithProjection, GemmaConfig, GemmaModel, GlmConfig, GlmModel, T5GemmaConfig
from transformers.models.t5gemma.modeling_t5gemma import T5GemmaEncoder

from core.catalog.model import SizeGrid
from tests.tiny_models import clip, clip_tokenizer, t5, t5_tokenizer, vae
from tests.zoo.encoders import decoder, gemma2, llama
from tests.zoo.entry import Entry
from tests.zoo.tokenizers import GEMMA_SPECIAL, LETTERS, LLAMA_SPECIAL, gemma_tokenizer, llama_tokenizer
from tests.zoo.weights import awakened


def hidream() -> HiDreamImagePipeline:
    """It draws 128x128 latents, or as many in another shape; with this autoencoder a latent is a pixel."""
    return HiDreamImagePipeline(
        transformer=HiDreamImageTransformer2DModel(
            patch_size=2,
            in_channels=4,
            out_channels=4,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=8,
            num_attention_heads=4,
            caption_channels=[64, 32],
            text_emb_dim=64,
            num_routed_experts=4,
            num_activated_experts=2,
            axes_dims_rope=(4, 2, 2),
            max_resolution=(128, 128),
            llama_layers=(0, 1),
        ).eval(),
        vae=AutoencoderKL(
            block_out_channels=(8,), norm_num_groups=4, scaling_factor=0.3611, shift_factor=0.1159
        ).eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        text_encoder=clip(CLIPTextModelWithProjection, tokens=128),
        tokenizer=clip_tokenizer(tokens=128),
        text_encoder_2=clip(CLIPTextModelWithProjection, tokens=128),
        tokenizer_2=clip_tokenizer(tokens=128),
        text_encoder_3=t5(),
        tokenizer_3=t5_tokenizer(),
        text_encoder_4=llama(),
        tokenizer_4=llama_tokenizer(),
    )


def sana_parts(**transformer: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "patch_size": 1,
        "in_channels": 4,
        "out_channels": 4,
        "num_layers": 1,
        "num_attention_heads": 2,
        "attention_head_dim": 8,
        "num_cross_attention_heads": 2,
        "cross_attention_head_dim": 8,
        "cross_attention_dim": 16,
        "caption_channels": 32,
        "sample_size": 32,
    }
    return {
        "transformer": SanaTransformer2DModel(**{**settings, **transformer}).eval(),
        "vae": AutoencoderDC(
            in_channels=3,
            latent_channels=4,
            attention_head_dim=2,
            encoder_block_types=("ResBlock", "EfficientViTBlock"),
            decoder_block_types=("ResBlock", "EfficientViTBlock"),
            encoder_block_out_channels=(8, 8),
            decoder_block_out_channels=(8, 8),
            encoder_qkv_multiscales=((), (5,)),
            decoder_qkv_multiscales=((), (5,)),
            encoder_layers_per_block=(1, 1),
            decoder_layers_per_block=(1, 1),
            downsample_block_type="conv",
            upsample_block_type="interpolate",
            decoder_norm_types="rms_norm",
            decoder_act_fns="silu",
            scaling_factor=0.41407,
        ).eval(),
        "text_encoder": gemma2(),
        "tokenizer": gemma_tokenizer(),
    }


def sana() -> SanaPipeline:
    scheduler = DPMSolverMultistepScheduler(
        use_flow_sigmas=True, flow_shift=3.0, prediction_type="flow_prediction", beta_schedule="linear"
    )
    return SanaPipeline(**sana_parts(), scheduler=scheduler)


def sana_sprint() -> SanaSprintPipeline:
    transformer = {"qk_norm": "rms_norm_across_heads", "guidance_embeds": True}
    return SanaSprintPipeline(**sana_parts(**transformer), scheduler=SCMScheduler())


def lumina2() -> Lumina2Pipeline:
    return Lumina2Pipeline(
        transformer=Lumina2Transformer2DModel(
            sample_size=8,
            in_channels=4,
            hidden_size=16,
            num_layers=2,
            num_refiner_layers=1,
            num_attention_heads=2,
            num_kv_heads=1,
            multiple_of=16,
            axes_dim_rope=(4, 2, 2),
            cap_feat_dim=32,
        ).eval(),
        vae=vae(latent_channels=4, shift_factor=0.1159),
        text_encoder=gemma2(),
        tokenizer=gemma_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=6.0),
    )


def lumina() -> LuminaPipeline:
    gemma = GemmaConfig(vocab_size=len(GEMMA_SPECIAL) + len(LETTERS), **decoder(32, 2))
    return LuminaPipeline(
        transformer=LuminaNextDiT2DModel(
            sample_size=8,
            in_channels=4,
            hidden_size=16,
            num_layers=2,
            num_attention_heads=2,
            num_kv_heads=1,
            multiple_of=16,
            cross_attention_dim=32,
        ).eval(),
        vae=vae(latent_channels=4),
        text_encoder=GemmaModel(gemma).eval(),
        tokenizer=gemma_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )


def prx() -> PRXPipeline:
    half = {"vocab_size": len(GEMMA_SPECIAL) + len(LETTERS), **decoder(32, 2)}
    both = T5GemmaConfig(encoder=half, decoder=half)
    encoder = T5GemmaEncoder(both.encoder).eval()
    encoder.config = both  # a folder names both halves
    return PRXPipeline(
        transformer=awakened(
            PRXTransformer2DModel(
                in_channels=4,
                patch_size=2,
                context_in_dim=32,
                hidden_size=32,
                num_heads=2,
                depth=2,
                axes_dim=[8, 8],
            )
        ),
        vae=vae(latent_channels=4, shift_factor=0.1159),
        text_encoder=encoder,
        tokenizer=gemma_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        default_sample_size=64,
    )


def cogview4() -> CogView4Pipeline:
    glm = GlmConfig(vocab_size=len(LLAMA_SPECIAL) + len(LETTERS), **decoder(32, 2), pad_token_id=0)
    return CogView4Pipeline(
        transformer=CogView4Transformer2DModel(
            patch_size=2,
            in_channels=4,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=4,
            out_channels=4,
            text_embed_dim=32,
            time_embed_dim=8,
            condition_dim=4,
        ).eval(),
        vae=vae(latent_channels=4),
        text_encoder=GlmModel(glm).eval(),
        tokenizer=llama_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(
            base_shift=0.25,
            max_shift=0.75,
            base_image_seq_len=256,
            use_dynamic_shifting=True,
            time_shift_type="linear",
        ),
    )


OWN_AREA = SizeGrid(minimum=64, maximum=256, multiple=2, width=128, height=128)
EXACT = {"use_resolution_binning": False}

ENTRIES = {
    "hidream": Entry(build=hidream, sizes=OWN_AREA, other=(64, 256), steps=(3, 4, 2), slow=True),
    "sana": Entry(build=sana, stock=EXACT),
    "sana-sprint": Entry(
        build=sana_sprint, negative=False, stock=EXACT, steps=(2, 2, 2), row={"max_steps": 2, "num_inference_steps": 2}
    ),
    "lumina2": Entry(build=lumina2),
    "lumina": Entry(build=lumina),
    "prx": Entry(build=prx, stock=EXACT),
    "cogview4": Entry(build=cogview4),
}
