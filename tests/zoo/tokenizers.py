"""Tokenizers of a few dozen tokens, of the classes that pipelines name: a token a letter, nothing is downloaded."""

from __future__ import annotations

import importlib
from typing import Any

from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.processors import TemplateProcessing
from transformers import GemmaTokenizer, LlamaTokenizer, Qwen2Tokenizer

QWEN_SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<think>",
    "</think>",
)
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LETTERS = "▁\n" + "".join(chr(code) for code in range(0x21, 0x7F))
GEMMA_SPECIAL = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>")
LLAMA_SPECIAL = ("<unk>", "<s>", "</s>")


def qwen_vocabulary() -> dict[str, int]:
    """A token for each byte; the special ones come first."""
    return {token: index for index, token in enumerate((*QWEN_SPECIAL, *sorted(ByteLevel.alphabet())))}


def qwen_token(name: str) -> int:
    return QWEN_SPECIAL.index(name)


def qwen_tokenizer() -> Qwen2Tokenizer:
    return Qwen2Tokenizer(
        vocab=qwen_vocabulary(),
        merges=[],
        extra_special_tokens=list(QWEN_SPECIAL[1:7]),
        model_max_length=4096,
        chat_template=CHAT,
    )


def gemma_tokenizer() -> GemmaTokenizer:
    vocabulary = {token: index for index, token in enumerate((*GEMMA_SPECIAL, *LETTERS))}
    made = GemmaTokenizer(vocab=vocabulary, merges=[], model_max_length=4096, chat_template=CHAT)
    return beginning(made, "<bos>", vocabulary)


def llama_tokenizer(**settings: Any) -> Any:
    vocabulary = {token: index for index, token in enumerate((*LLAMA_SPECIAL, *LETTERS))}
    told: dict[str, Any] = {"model_max_length": 512, "pad_token": "</s>", "chat_template": CHAT, **settings}
    return beginning(LlamaTokenizer(vocab=vocabulary, merges=[], **told), "<s>", vocabulary)


def beginning(tokenizer: Any, token: str, vocabulary: dict[str, int]) -> Any:
    """`tokenizer`, saying `token` first as the real one does: there is something to read even of an empty prompt."""
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{token} $A", special_tokens=[(token, vocabulary[token])]
    )
    return tokenizer


def qwen_processor() -> Any:
    """Reads words and pictures, each at no more than 56x56 pixels."""
    transformers: Any = importlib.import_module("transformers")
    small = {"shortest_edge": 28 * 28, "longest_edge": 56 * 56}
    return transformers.Qwen2VLProcessor(
        image_processor=transformers.Qwen2VLImageProcessor(size=small),
        tokenizer=qwen_tokenizer(),
        video_processor=transformers.Qwen2VLVideoProcessor(size=small),
        chat_template=CHAT,
    )
