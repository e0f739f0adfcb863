"""Ernie-Image, LongCat-Image, Bria FIBO and DreamLite; and OmniGen, which has no text encoder."""

from __future__ import annotations

from diffusers import (
    AutoencoderKLWan,
    AutoencoderTiny,
    BriaFiboPipeline,
    DreamLitePipeline,
    DreamLiteUNetModel,
    ErnieImagePipeline,
    ErnieImageTransformer2DModel,
    FlowMatchEulerDiscreteScheduler,
    LongCatImagePipeline,
    LongCatImageTransformer2DModel,
    OmniGenPipeline,
    OmniGenTransformer2DModel,
)
from diffusers.models.transformers.transformer_bria_fibo import BriaFiboTransformer2DModel
from transformers import Mistral3Model, Qwen3VLForConditionalGeneration, SmolLM3Config, SmolLM3ForCausalLM

from tests.tiny_models import vae
from tests.zoo.encoders import decoder, mistral3, qwen3_vl, qwen_vl
from tests.zoo.entry import Entry
from tests.zoo.flux import flux2_vae
from tests.zoo.tokenizers import LETTERS, LLAMA_SPECIAL, llama_tokenizer, qwen_tokenizer
from tests.zoo.weights import awakened

BEGIN_OF_TEXT = 128000
"""The token that FIBO takes for an empty prompt, whatever its tokenizer."""


def ernie() -> ErnieImagePipeline:
    return ErnieImagePipeline(
        transformer=awakened(
            ErnieImageTransformer2DModel(
                hidden_size=32,
                num_attention_heads=2,
                num_layers=2,
                ffn_hidden_size=32,
                in_channels=16,
                out_channels=16,
                text_in_dim=16,
                rope_axes_dim=(4, 6, 6),
            )
        ),
        vae=flux2_vae(),
        text_encoder=mistral3(Mistral3Model),
        tokenizer=llama_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )


def longcat() -> LongCatImagePipeline:
    """In place of the processor that rewrites prompts, which needs torchvision, is one that only reads words."""
    return LongCatImagePipeline(
        transformer=LongCatImageTransformer2DModel(
            in_channels=64,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            axes_dims_rope=[4, 4, 8],
        ).eval(),
        vae=vae(latent_channels=16, shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=qwen_vl(),
        tokenizer=qwen_tokenizer(),
        text_processor=qwen_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    )


def fibo() -> BriaFiboPipeline:
    smol = SmolLM3Config(vocab_size=BEGIN_OF_TEXT + 1, pad_token_id=0, **decoder(16, 2))
    return BriaFiboPipeline(
        transformer=BriaFiboTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=32,
            text_encoder_dim=16,
            axes_dims_rope=[0, 4, 4],
        ).eval(),
        vae=AutoencoderKLWan(
            base_dim=8,
            decoder_base_dim=8,
            dim_mult=[1, 1, 1, 1],
            num_res_blocks=1,
            in_channels=12,
            out_channels=12,
            patch_size=2,
            scale_factor_spatial=16,
            temperal_downsample=[False, True, True],
            z_dim=16,
        ).eval(),
        text_encoder=SmolLM3ForCausalLM(smol).eval(),
        tokenizer=llama_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )


def dreamlite() -> DreamLitePipeline:
    """In place of the processor that reads pictures, too, which needs torchvision, is one that only reads words."""
    return DreamLitePipeline(
        unet=DreamLiteUNetModel(
            sample_size=8,
            in_channels=4,
            out_channels=4,
            down_block_types=("DreamLiteCrossAttnNoSelfAttnDownBlock2D", "DreamLiteCrossAttnDownBlock2D"),
            up_block_types=("DreamLiteCrossAttnUpBlock2D", "DreamLiteUpBlock2D"),
            block_out_channels=(16, 32),
            cross_attention_dim=32,
            attention_head_dim=8,
            layers_per_block=1,
            norm_num_groups=8,
            transformer_layers_per_block=1,
        ).eval(),
        vae=AutoencoderTiny(
            encoder_block_out_channels=(8, 8),
            decoder_block_out_channels=(8, 8),
            num_encoder_blocks=(1, 1),
            num_decoder_blocks=(1, 1),
            latent_channels=4,
        ).eval(),
        text_encoder=qwen3_vl(Qwen3VLForConditionalGeneration),
        tokenizer=qwen_tokenizer(),
        processor=qwen_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )


def omnigen() -> OmniGenPipeline:
    """Its transformer reads the prompt itself, token by token beside the latents."""
    return OmniGenPipeline(
        transformer=awakened(
            OmniGenTransformer2DModel(
                in_channels=4,
                hidden_size=32,
                num_attention_heads=2,
                num_key_value_heads=2,
                intermediate_size=32,
                num_layers=2,
                pad_token_id=0,
                vocab_size=len(LLAMA_SPECIAL) + len(LETTERS),
                rope_scaling={"long_factor": [1.0] * 8, "short_factor": [1.0] * 8},
                time_step_dim=16,
            )
        ),
        vae=vae(latent_channels=4),
        tokenizer=llama_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(invert_sigmas=True, num_train_timesteps=1),
    )


NO_REWRITE = {"enable_prompt_rewrite": False}

ENTRIES = {
    "ernie-image": Entry(build=ernie, equal_lengths="its texts come with their lengths, not with a mask"),
    "longcat-image": Entry(build=longcat, stock=NO_REWRITE, row={"arguments": NO_REWRITE}),
    "bria-fibo": Entry(build=fibo, equal_lengths="a text comes as what each layer made of it, masked in a dictionary"),
    "dreamlite": Entry(build=dreamlite),
    "omnigen": Entry(
        build=omnigen,
        negative=False,
        needs=("torchvision",),
        equal_lengths="its texts are token ids, padded within a request",
    ),
}
