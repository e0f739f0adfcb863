"""Diffusion transformers whose prompts T5 reads: Chroma, PixArt, AuraFlow, Bria, HunyuanDiT, CogView3-Plus."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    AuraFlowPipeline,
    AuraFlowTransformer2DModel,
    BriaPipeline,
    BriaTransformer2DModel,
    ChromaPipeline,
    ChromaTransformer2DModel,
    CogVideoXDDIMScheduler,
    CogView3PlusPipeline,
    CogView3PlusTransformer2DModel,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    HunyuanDiT2DModel,
    HunyuanDiTPipeline,
    PixArtAlphaPipeline,
    PixArtSigmaPipeline,
    PixArtTransformer2DModel,
)
from transformers import BertConfig, BertModel, BertTokenizer, UMT5Config, UMT5EncoderModel

from tests.tiny_models import SD15_BETAS, bert_vocabulary, t5, t5_tokenizer, vae
from tests.zoo.entry import Entry

FLUX_VAE: dict[str, Any] = {"shift_factor": 0.1159, "use_quant_conv": False, "use_post_quant_conv": False}


def chroma() -> ChromaPipeline:
    return ChromaPipeline(
        transformer=ChromaTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=64,
            axes_dims_rope=(4, 4, 8),
            approximator_num_channels=8,
            approximator_hidden_dim=32,
            approximator_layers=1,
        ).eval(),
        vae=vae(latent_channels=4, **FLUX_VAE),
        text_encoder=t5(),
        tokenizer=t5_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )


def pixart_parts(**transformer: Any) -> dict[str, Any]:
    return {
        "transformer": PixArtTransformer2DModel(
            num_attention_heads=2,
            attention_head_dim=24,
            num_layers=2,
            cross_attention_dim=48,
            caption_channels=64,
            **transformer,
        ).eval(),
        "vae": vae(latent_channels=4),
        "text_encoder": t5(),
        "tokenizer": t5_tokenizer(tokens=300),
        "scheduler": DPMSolverMultistepScheduler(),
    }


def pixart_sigma() -> PixArtSigmaPipeline:
    return PixArtSigmaPipeline(**pixart_parts(sample_size=8))


def pixart_alpha() -> PixArtAlphaPipeline:
    """That of 1024 pixels is told its size, too."""
    return PixArtAlphaPipeline(**pixart_parts(sample_size=128))


def aura_flow() -> AuraFlowPipeline:
    umt5 = UMT5Config(vocab_size=64, d_model=64, d_kv=16, d_ff=37, num_layers=2, num_heads=4)
    transformer = AuraFlowTransformer2DModel(
        sample_size=32,
        patch_size=2,
        in_channels=4,
        num_mmdit_layers=1,
        num_single_dit_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=64,
        caption_projection_dim=32,
        pos_embed_max_size=64,
    ).eval()
    with torch.no_grad():  # as initialised, words hardly show
        for block in (*transformer.joint_transformer_blocks, *transformer.single_transformer_blocks):
            for weight in block.parameters():
                weight.mul_(2)
    return AuraFlowPipeline(
        transformer=transformer,
        vae=vae(latent_channels=4),
        text_encoder=UMT5EncoderModel(umt5).eval(),
        tokenizer=t5_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.73),
    )


def bria() -> BriaPipeline:
    return BriaPipeline(
        transformer=BriaTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=64,
            axes_dims_rope=[0, 4, 4],
        ).eval(),
        vae=vae(latent_channels=4),
        text_encoder=t5(),
        tokenizer=t5_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    )


def hunyuan_dit() -> HunyuanDiTPipeline:
    bert = BertConfig(
        vocab_size=len(bert_vocabulary()),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=37,
        max_position_embeddings=77,
    )
    return HunyuanDiTPipeline(
        transformer=HunyuanDiT2DModel(
            sample_size=16,
            num_layers=2,
            patch_size=2,
            attention_head_dim=8,
            num_attention_heads=3,
            hidden_size=24,
            in_channels=4,
            cross_attention_dim=32,
            cross_attention_dim_t5=64,
            pooled_projection_dim=16,
        ).eval(),
        vae=vae(latent_channels=4),
        text_encoder=BertModel(bert).eval(),
        tokenizer=BertTokenizer(vocab=bert_vocabulary(), model_max_length=77),
        text_encoder_2=t5(),
        tokenizer_2=t5_tokenizer(tokens=256),
        scheduler=DDPMScheduler(**SD15_BETAS, prediction_type="v_prediction", steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def cogview3_plus() -> CogView3PlusPipeline:
    return CogView3PlusPipeline(
        transformer=CogView3PlusTransformer2DModel(
            patch_size=2,
            in_channels=4,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=2,
            out_channels=4,
            text_embed_dim=64,
            time_embed_dim=8,
            condition_dim=2,
            pos_embed_max_size=8,
            sample_size=8,
        ).eval(),
        vae=vae(latent_channels=4),
        text_encoder=t5(),
        tokenizer=t5_tokenizer(),
        scheduler=CogVideoXDDIMScheduler(**SD15_BETAS, prediction_type="v_prediction", rescale_betas_zero_snr=True),
    )


EXACT = {"use_resolution_binning": False}

ENTRIES = {
    "chroma": Entry(build=chroma),
    "pixart-sigma": Entry(build=pixart_sigma, stock=EXACT),
    "pixart-alpha": Entry(build=pixart_alpha, stock=EXACT),
    "aura-flow": Entry(build=aura_flow),
    "bria": Entry(build=bria),
    "hunyuan-dit": Entry(build=hunyuan_dit, stock=EXACT),
    "cogview3-plus": Entry(build=cogview3_plus),
}
