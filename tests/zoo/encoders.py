"""Text encoders of two layers and a few dozen channels, with random weights."""

from __future__ import annotations

from typing import Any

from transformers import (
    Gemma2Config,
    Gemma2Model,
    LlamaConfig,
    LlamaForCausalLM,
    Mistral3Config,
    PreTrainedModel,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3Config,
    Qwen3VLConfig,
    T5Config,
    T5EncoderModel,
)

from tests.zoo.tokenizers import GEMMA_SPECIAL, LETTERS, LLAMA_SPECIAL, qwen_token, qwen_vocabulary

LOUD = 0.3
"""Spread of the weights: at the usual 0.02 a prompt hardly shows in what so small an encoder says of it."""


def qwen_vl(width: int = 32) -> Qwen2_5_VLForConditionalGeneration:
    """Qwen2.5-VL with heads of 16 channels."""
    heads = width // 16
    config = Qwen2_5_VLConfig(
        text_config={
            "hidden_size": width,
            "intermediate_size": width,
            "num_hidden_layers": 2,
            "num_attention_heads": heads,
            "num_key_value_heads": heads,
            "vocab_size": len(qwen_vocabulary()),
            "max_position_embeddings": 4096,
            "initializer_range": LOUD,
            "rope_scaling": {"mrope_section": [2, 2, 4], "rope_type": "default", "type": "default"},
            "rope_theta": 1000000.0,
            "bos_token_id": 0,
            "eos_token_id": 0,
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_heads": 2,
            "out_hidden_size": width,
            "initializer_range": LOUD,
        },
        image_token_id=qwen_token("<|image_pad|>"),
        video_token_id=qwen_token("<|video_pad|>"),
        vision_start_token_id=qwen_token("<|vision_start|>"),
        vision_end_token_id=qwen_token("<|vision_end|>"),
    )
    return Qwen2_5_VLForConditionalGeneration(config).eval()


def qwen3(kind: type[PreTrainedModel], width: int = 32, layers: int = 2) -> PreTrainedModel:
    return kind(
        Qwen3Config(vocab_size=len(qwen_vocabulary()), bos_token_id=0, eos_token_id=0, **decoder(width, layers))
    ).eval()


def qwen3_vl(kind: type[PreTrainedModel], width: int = 32) -> PreTrainedModel:
    """Heads of half the width; `kind` is the model, or the one that generates."""
    text = {
        "vocab_size": len(qwen_vocabulary()),
        "rope_scaling": {"mrope_section": [2, 2, 4], "rope_type": "default", "mrope_interleaved": True},
        "rope_theta": 1000000.0,
        "bos_token_id": 0,
        "eos_token_id": 0,
        **decoder(width, 2),
    }
    vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": width}
    config = Qwen3VLConfig(
        text_config=text,
        vision_config={**vision, "deepstack_visual_indexes": [0], "patch_size": 14, "initializer_range": LOUD},
        image_token_id=qwen_token("<|image_pad|>"),
        video_token_id=qwen_token("<|video_pad|>"),
        vision_start_token_id=qwen_token("<|vision_start|>"),
        vision_end_token_id=qwen_token("<|vision_end|>"),
    )
    return kind(config).eval()


def mistral3(kind: type[PreTrainedModel], width: int = 16, layers: int = 2) -> PreTrainedModel:
    text = {"model_type": "mistral", "vocab_size": len(LLAMA_SPECIAL) + len(LETTERS), **decoder(width, layers)}
    vision = {
        "model_type": "pixtral",
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "image_size": 28,
        "patch_size": 14,
    }
    return kind(Mistral3Config(text_config=text, vision_config=vision, image_token_index=1)).eval()


def gemma2(width: int = 32) -> Gemma2Model:
    settings = {"vocab_size": len(GEMMA_SPECIAL) + len(LETTERS), "head_dim": 16, **decoder(width, 2)}
    return Gemma2Model(Gemma2Config(**settings)).eval()


def llama(width: int = 32, layers: int = 2) -> LlamaForCausalLM:
    settings = {"vocab_size": len(LLAMA_SPECIAL) + len(LETTERS), **decoder(width, layers)}
    return LlamaForCausalLM(LlamaConfig(**settings, attn_implementation="eager")).eval()


def byt5(width: int = 32) -> T5EncoderModel:
    config = T5Config(
        vocab_size=384, d_model=width, d_kv=8, d_ff=32, num_layers=2, num_heads=2, is_encoder_decoder=False
    )
    return T5EncoderModel(config).eval()


def decoder(width: int, layers: int) -> dict[str, Any]:
    return {
        "hidden_size": width,
        "intermediate_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": width // 2,
        "max_position_embeddings": 4096,
        "initializer_range": LOUD,
    }
