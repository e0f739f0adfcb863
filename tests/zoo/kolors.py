"""Kolors: Stable Diffusion XL's UNet, and prompts that ChatGLM reads, with the batch on the second axis."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from diffusers import EulerDiscreteScheduler, KolorsPipeline
from diffusers.pipelines.kolors import ChatGLMModel
from diffusers.pipelines.kolors.text_encoder import ChatGLMConfig
from diffusers.pipelines.kolors.tokenizer import ChatGLMTokenizer

from tests.tiny_models import SD15_BETAS, unet, vae
from tests.zoo.entry import Entry
from tests.zoo.tokenizers import LETTERS

WIDTH = 32


def kolors() -> KolorsPipeline:
    return KolorsPipeline(
        vae=vae(latent_channels=4),
        text_encoder=chatglm(),
        tokenizer=chatglm_tokenizer(),
        unet=unet(
            cross_attention_dim=32,
            encoder_hid_dim=WIDTH,
            encoder_hid_dim_type="text_proj",
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + WIDTH,
            use_linear_projection=True,
        ),
        scheduler=EulerDiscreteScheduler(**SD15_BETAS, timestep_spacing="leading", steps_offset=1),
    )


def chatglm() -> ChatGLMModel:
    config = ChatGLMConfig(
        num_layers=2,
        padded_vocab_size=160,
        hidden_size=WIDTH,
        ffn_hidden_size=WIDTH,
        kv_channels=16,
        num_attention_heads=2,
        seq_length=512,
        multi_query_attention=True,
        multi_query_group_num=1,
        add_qkv_bias=True,
        original_rope=True,
    )
    model = ChatGLMModel(config).eval()
    for weight in model.parameters():  # left as they were in memory by its constructor
        torch.nn.init.normal_(weight, std=0.3) if weight.ndim > 1 else torch.nn.init.ones_(weight)
    return model


def chatglm_tokenizer() -> ChatGLMTokenizer:
    """It reads a file of SentencePiece's: one of letters, trained on nothing but them."""
    made = io.BytesIO()
    trainer: Any = sentencepiece.SentencePieceTrainer
    trainer.train(
        sentence_iterator=iter([" ".join(LETTERS[2:]), LETTERS[2:]] * 4),
        model_writer=made,
        model_type="char",
        vocab_size=len(LETTERS) + 2,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    file = Path(tempfile.mkdtemp()) / "tokenizer.model"
    file.write_bytes(made.getvalue())
    return ChatGLMTokenizer(str(file), model_max_length=256)


ENTRIES = {"kolors": Entry(build=kolors)}
