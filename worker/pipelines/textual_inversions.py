"""Textual inversions (Gal et al., arXiv:2208.01618): words of the row's own that a text encoder has vectors for.

Each gets a token that no ordinary text holds; in prompts the word is put for it only where it stands alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from core.catalog.model import Model
from core.errors import JobFailure

ENCODERS: Final = {"clip_l": "text_encoder", "clip_g": "text_encoder_2"}
"""What the files of models with two encoders call the vectors of each (kohya's scripts, read by A1111 and ComfyUI)."""

USUAL: Final = "emb_params"


def load_embeddings(pipeline: Any, row: Model, locate: Callable[[str], Path | None]) -> None:  # noqa: ANN401
    """Teach `pipeline` the words of `row`. Raises JobFailure (`model_load_failed`), naming word and file."""
    for word, source in row.embeddings.items():
        try:
            load_embedding(pipeline, word, vectors_of(locate(source)))
        except (OSError, ValueError, SafetensorError) as error:
            raise JobFailure(
                f"model '{row.id}': the embedding '{word}' of '{source}' could not be loaded: {error}",
                code="model_load_failed",
            ) from error


def vectors_of(file: Path | None) -> dict[str, torch.Tensor]:
    """What a safetensors file holds, by name. Raises ValueError, OSError or SafetensorError for any other file."""
    if file is None or not file.is_file():
        raise ValueError("there is no such file beside the catalogue")
    return {name: vectors.reshape(-1, vectors.shape[-1]) for name, vectors in load_file(file).items() if vectors.ndim}


def load_embedding(pipeline: Any, word: str, found: Mapping[str, torch.Tensor]) -> None:  # noqa: ANN401
    """Put the vectors for `word` into each text encoder. Raises ValueError where they do not fit."""
    if not hasattr(pipeline, "load_textual_inversion"):
        raise ValueError(f"{type(pipeline).__name__} takes no textual inversions")
    for part, vectors in by_encoder(pipeline, found).items():
        encoder = getattr(pipeline, part)
        width = encoder.get_input_embeddings().weight.shape[1]
        if vectors.shape[1] != width:
            raise ValueError(f"its vectors have {vectors.shape[1]} numbers, and those of {part} have {width}")
        tokenizer = getattr(pipeline, part.replace("text_encoder", "tokenizer"))
        pipeline.load_textual_inversion(vectors, token=token_of(word), text_encoder=encoder, tokenizer=tokenizer)


def by_encoder(pipeline: Any, found: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:  # noqa: ANN401
    """The vectors for each text encoder of `pipeline`, by its name. Raises ValueError where one gets none."""
    parts = [part for part in ENCODERS.values() if getattr(pipeline, part, None) is not None]
    told = {part: found[name] for name, part in ENCODERS.items() if name in found and part in parts}
    if not told and len(parts) == 1 and (USUAL in found or len(found) == 1):
        told = {parts[0]: found[USUAL] if USUAL in found else next(iter(found.values()))}
    if told.keys() != set(parts):
        names = ", ".join(sorted(found)[:5]) or "nothing"
        wanted = " and ".join(name for name, part in ENCODERS.items() if part in parts)
        raise ValueError(f"it has {names}, and the model takes {wanted if len(parts) > 1 else USUAL}")
    return told


def token_of(word: str) -> str:
    """The token that stands for `word`: nobody writes it unless they mean it."""
    return word if word.startswith("<") and word.endswith(">") else f"<{word.lower()}>"


def with_tokens(prompt: str, words: Mapping[str, str]) -> str:
    """`prompt` with the token of each of `words`, in capitals or not, where it stands alone."""
    if not words:
        return prompt
    tokens = {word.lower(): token_of(word) for word in words}
    longest_first = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    alone = re.compile(rf"(?<![\w<-])(?:{longest_first})(?![\w>-])", re.IGNORECASE)
    return alone.sub(lambda match: tokens[match[0].lower()], prompt)
