"""Builds tiny random diffusers pipelines, one of each family, as folders on disk; nothing is downloaded.

Weights are random but seeded, so a family is the same model in every run; pictures are noise, and that is enough
to compare one way of running a pipeline with another. The UNet's last layer is scaled down: as initialised, a step
of it magnifies a rounding error, which a trained denoiser does not (measured: 3e-7 in the noise becomes 8e-4 in the
picture after 9 steps of DDIM at guidance 7).
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderTiny,
    DDIMScheduler,
    DiffusionPipeline,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import (
    BertConfig,
    BertModel,
    BertTokenizer,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

from core.catalog.catalog import Catalog
from core.catalog.families import family_defaults
from core.catalog.model import Model, SizeGrid

TASKS = ("text-to-image", "image-to-image", "inpaint")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,-"
PROMPT_TOKENS = 16
SIZES = SizeGrid(minimum=32, maximum=128, multiple=16, width=64, height=64)
SD15_BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def build_all(folder: Path) -> Catalog:
    """Every family's tiny model and `mini` under `folder`, and the catalogue that names them."""
    rows = []
    for family in FAMILIES:
        build(family, folder / family)
        rows.append(row(family, family))
    build_mini(folder / "mini")
    rows.append(row("mini", "sd15").evolve(prompt_chunks=False, prompt_tokens=PROMPT_TOKENS - 2))
    return Catalog(models=tuple(rows), default="sd15", folder=folder)


def row(name: str, family: str) -> Model:
    """The catalogue's row of the model `name`, which stands in the folder of that name."""
    usual = family_defaults(family)
    return Model.model_validate({"id": name, "source": name, "family": family, "tasks": TASKS, "size": SIZES, **usual})


def build(family: str, folder: Path) -> Path:
    """Save the tiny model of `family` under `folder` and return the folder."""
    torch.manual_seed(0)
    return save(FAMILIES[family](), folder)


def build_mini(folder: Path) -> Path:
    """Save a random model of the bundled one's make: BERT, tiny autoencoder, zero-terminal-SNR v-prediction."""
    torch.manual_seed(0)
    return save(mini(), folder)


def save(pipeline: DiffusionPipeline, folder: Path) -> Path:
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def sd15(**denoiser: object) -> StableDiffusionPipeline:
    return StableDiffusionPipeline(
        vae=vae(latent_channels=4),
        text_encoder=clip(CLIPTextModel),
        tokenizer=clip_tokenizer(),
        unet=unet(**denoiser),
        scheduler=DDIMScheduler(**SD15_BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def sdxl(**denoiser: object) -> StableDiffusionXLPipeline:
    return StableDiffusionXLPipeline(
        vae=vae(latent_channels=4),
        text_encoder=clip(CLIPTextModel),
        text_encoder_2=clip(CLIPTextModelWithProjection),
        tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(),
        unet=unet(
            cross_attention_dim=64,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + 32,
            use_linear_projection=True,
            **denoiser,
        ),
        scheduler=EulerDiscreteScheduler(**SD15_BETAS, timestep_spacing="leading", steps_offset=1),
        add_watermarker=False,
    )


def sd3(**transformer: object) -> StableDiffusion3Pipeline:
    return StableDiffusion3Pipeline(
        transformer=SD3Transformer2DModel(
            sample_size=32,
            patch_size=2,
            in_channels=16,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=4,
            joint_attention_dim=64,
            caption_projection_dim=32,
            pooled_projection_dim=64,
            out_channels=16,
            **transformer,
        ).eval(),
        vae=vae(latent_channels=16, shift_factor=0.0609, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=clip(CLIPTextModelWithProjection),
        text_encoder_2=clip(CLIPTextModelWithProjection),
        text_encoder_3=t5(),
        tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(),
        tokenizer_3=t5_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )


def flux() -> FluxPipeline:
    return FluxPipeline(
        transformer=FluxTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=64,
            pooled_projection_dim=32,
            axes_dims_rope=(4, 4, 8),
            guidance_embeds=True,
        ).eval(),
        vae=vae(latent_channels=4, shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=clip(CLIPTextModel),
        text_encoder_2=t5(),
        tokenizer=clip_tokenizer(),
        tokenizer_2=t5_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    )


FAMILIES = {"sd15": sd15, "sdxl": sdxl, "sd3": sd3, "flux": flux}


def mini() -> StableDiffusionPipeline:
    config = BertConfig(
        vocab_size=len(bert_vocabulary()),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=37,
        max_position_embeddings=PROMPT_TOKENS,
    )
    config.use_attention_mask = True
    return StableDiffusionPipeline(
        vae=AutoencoderTiny(
            encoder_block_out_channels=(8,) * 4,
            decoder_block_out_channels=(8,) * 4,
            num_encoder_blocks=(0, 1, 1, 1),
            num_decoder_blocks=(1, 1, 1, 0),
            latent_channels=4,
            scaling_factor=1.0,
        ).eval(),
        text_encoder=BertModel(config).eval(),
        tokenizer=BertTokenizer(vocab=bert_vocabulary(), model_max_length=PROMPT_TOKENS),
        unet=unet(),
        scheduler=DDIMScheduler(
            **SD15_BETAS,
            clip_sample=False,
            set_alpha_to_one=True,
            prediction_type="v_prediction",
            rescale_betas_zero_snr=True,
            timestep_spacing="trailing",
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def unet(**changes: object) -> UNet2DConditionModel:
    settings: dict[str, object] = {
        "sample_size": 8,
        "in_channels": 4,
        "out_channels": 4,
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "norm_num_groups": 8,
        "attention_head_dim": 4,
        "cross_attention_dim": 32,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    }
    model = UNet2DConditionModel(**{**settings, **changes}).eval()
    with torch.no_grad():
        model.conv_out.weight.mul_(0.2)
    return model


def vae(**changes: object) -> AutoencoderKL:
    settings: dict[str, object] = {
        "block_out_channels": (8, 8, 16, 16),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "sample_size": 64,
    }
    return AutoencoderKL(**{**settings, **changes}).eval()


def clip(kind: type[CLIPTextModel], tokens: int = PROMPT_TOKENS, width: int = 32) -> CLIPTextModel:
    config = CLIPTextConfig(
        vocab_size=len(clip_vocabulary()),
        hidden_size=width,
        projection_dim=32,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=tokens,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    return kind(config).eval()


def t5() -> T5EncoderModel:
    config = T5Config(vocab_size=64, d_model=64, d_kv=16, d_ff=37, num_layers=2, num_heads=4)
    return T5EncoderModel(config).eval()


def clip_vocabulary() -> dict[str, int]:
    tokens = ["<|startoftext|>", "<|endoftext|>", *LETTERS, *(f"{letter}</w>" for letter in LETTERS)]
    return {token: index for index, token in enumerate(tokens)}


def clip_tokenizer(tokens: int = PROMPT_TOKENS) -> CLIPTokenizer:
    return CLIPTokenizer(vocab=clip_vocabulary(), merges=[], model_max_length=tokens)


def t5_tokenizer(tokens: int = PROMPT_TOKENS) -> T5Tokenizer:
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), *((letter, -3.0) for letter in LETTERS)]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=tokens)


def bert_vocabulary() -> dict[str, int]:
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    return {token: index for index, token in enumerate(tokens)}
