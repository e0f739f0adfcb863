"""The configurations of text encoders and tokenizers of a single file: from its shapes, else the original models'."""

from __future__ import annotations

from typing import Any, Final

from core.catalog.checkpoint import Checkpoint
from core.catalog.checkpoint_parts import Parts, Tensors

Config = dict[str, Any]

CLIP: Final[Config] = {"model_type": "clip_text_model", "vocab_size": 49408, "max_position_embeddings": 77,
                       "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1, "layer_norm_eps": 1e-05}  # fmt: skip
"""Transformers finds the end of a prompt of these models by the largest token where `eos_token_id` is 2."""

SIZES: Final = {"clip_l": (768, 12), "openclip_h": (1024, 23), "clip_g": (1280, 32)}
"""Width and layers of the encoders that files leave out."""

T5: Final[Config] = {
    "_class_name": None, "architectures": ["T5EncoderModel"], "model_type": "t5", "d_model": 4096, "d_kv": 64,
    "d_ff": 10240, "num_layers": 24, "num_heads": 64, "vocab_size": 32128, "feed_forward_proj": "gated-gelu",
    "is_encoder_decoder": True, "dense_act_fn": "gelu_new", "is_gated_act": True, "tie_word_embeddings": False,
}  # fmt: skip


def encoders(checkpoint: Checkpoint, parts: Parts) -> dict[str, Config]:
    """The text encoders' `config.json` by the component's name."""
    kind, found = checkpoint.kind, parts.components
    first, second, third = (found.get(name, {}) for name in ("text_encoder", "text_encoder_2", "text_encoder_3"))
    if kind == "sdxl-refiner":
        return {"text_encoder_2": clip(second or first, "clip_g", projected=True)}
    if kind.startswith("sdxl"):
        return {"text_encoder": clip(first, "clip_l"), "text_encoder_2": clip(second, "clip_g", projected=True)}
    if kind.startswith("sd3"):
        clips = {
            "text_encoder": clip(first, "clip_l", projected=True),
            "text_encoder_2": clip(second, "clip_g", projected=True),
        }
        return {**clips, "text_encoder_3": t5(third)}
    if kind.startswith("flux"):
        return {"text_encoder": clip(first, "clip_l"), "text_encoder_2": t5(second)}
    return {"text_encoder": clip(first, "openclip_h" if kind.startswith("sd2") else "clip_l")}


def clip(tensors: Tensors, usual: str, *, projected: bool = False) -> Config:
    """A CLIP encoder of these tensors; where there are none, of the `usual` model's sizes."""
    width, layers = SIZES[usual]
    words = next((each.shape for key, each in tensors.items() if "token_embedding.weight" in key), (49408, width))
    blocks = {
        key.split(mark)[1].split(".")[0] for key in tensors for mark in ("resblocks.", "encoder.layers.") if mark in key
    }
    inner = next(
        (t.shape[0] for key, t in tensors.items() if key.endswith(("mlp.fc1.weight", "mlp.c_fc.weight"))), None
    )
    places = next(
        (t.shape[0] for key, t in tensors.items() if "position" in key and len(t.shape) == 2 and t.shape[0] > 1), 77
    )
    if blocks:
        # Stable Diffusion 2 takes the states before the last of the layers that OpenCLIP saved.
        layers = len(blocks) - (1 if usual == "openclip_h" and any("resblocks." in key for key in tensors) else 0)
    width = words[1]
    return {
        **CLIP,
        "architectures": ["CLIPTextModelWithProjection" if projected else "CLIPTextModel"],
        "vocab_size": words[0],
        "hidden_size": width,
        "intermediate_size": inner or 4 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": max(1, width // 64),
        "max_position_embeddings": places,
        "projection_dim": _projection(tensors, width),
        "hidden_act": "quick_gelu" if usual == "clip_l" else "gelu",
    }


def _projection(tensors: Tensors, width: int) -> int:
    for key, tensor in tensors.items():
        if key.endswith("text_projection.weight"):
            return int(tensor.shape[0])
        if key.endswith("text_projection"):
            return int(tensor.shape[1])
    return width


def t5(tensors: Tensors) -> Config:
    """A T5 encoder of these tensors; where there are none, XXL."""
    made = {key: value for key, value in T5.items() if key != "_class_name"}
    for key, tensor in tensors.items():
        if key.endswith("shared.weight"):
            made |= {"vocab_size": tensor.shape[0], "d_model": tensor.shape[1]}
        elif key.endswith("block.0.layer.0.SelfAttention.relative_attention_bias.weight"):
            made["num_heads"] = tensor.shape[1]
        elif key.endswith("block.0.layer.1.DenseReluDense.wo.weight"):
            made["d_ff"] = tensor.shape[1]
    blocks = {key.split("block.")[1].split(".")[0] for key in tensors if "block." in key}
    wide = next(
        (each.shape[0] for key, each in tensors.items() if key.endswith("block.0.layer.0.SelfAttention.q.weight")), None
    )
    if wide:
        made["d_kv"] = wide // (made["num_heads"] or 1)
    return {**made, "num_layers": len(blocks) or made["num_layers"], "d_ff": made["d_ff"]}


def tokenizers(checkpoint: Checkpoint) -> dict[str, tuple[str, Config]]:
    """Class and `tokenizer_config.json` of the tokenizers, by the component's name."""
    ends = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    base: Config = {**ends, "model_max_length": 77, "tokenizer_class": "CLIPTokenizer"}
    usual, other = {**base, "pad_token": "<|endoftext|>"}, {**base, "pad_token": "!"}
    kind = checkpoint.kind
    if kind == "sdxl-refiner":
        return {"tokenizer_2": ("CLIPTokenizer", other)}
    if kind.startswith("sdxl"):
        return {"tokenizer": ("CLIPTokenizer", usual), "tokenizer_2": ("CLIPTokenizer", other)}
    words: Config = {
        "tokenizer_class": "T5Tokenizer",
        "model_max_length": 512,
        "eos_token": "</s>",
        "pad_token": "<pad>",
    }
    if kind.startswith("sd3"):
        clips = {"tokenizer": ("CLIPTokenizer", usual), "tokenizer_2": ("CLIPTokenizer", other)}
        return {**clips, "tokenizer_3": ("T5TokenizerFast", words)}
    if kind.startswith("flux"):
        return {"tokenizer": ("CLIPTokenizer", usual), "tokenizer_2": ("T5TokenizerFast", words)}
    return {"tokenizer": ("CLIPTokenizer", other if kind.startswith("sd2") else usual)}
