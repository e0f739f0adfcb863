"""Prompts as the model reads them: words of the row's own, weights, and what is longer than its text encoder."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

import torch

from core.catalog.model import Model
from core.weighted_text import Passage, Piece, passages, without_weights
from worker.contract import DrawRequest
from worker.pipelines.arguments import parameter_names
from worker.pipelines.clip_chunks import MAX_CHUNKS, Chunk, Encoded, Encoder, chunks_of, clip_encoders, encoded
from worker.pipelines.textual_inversions import with_tokens
from worker.pipelines.unread_text import shortened

PROMPT: Final = "prompt"
NEGATIVE: Final = "negative_prompt"

EMBEDDINGS: Final = {PROMPT: "prompt_embeds", NEGATIVE: "negative_prompt_embeds"}
POOLED: Final = {PROMPT: "pooled_prompt_embeds", NEGATIVE: "negative_pooled_prompt_embeds"}

LONGEST: Final = {"StableDiffusion3": 512, "QwenImage": 1024, "Bria": 512, "Lumina2": 512}
"""By how a class's name begins: the most that its `max_sequence_length` may be, where that is more than its default."""

Note = Callable[[str], None]


def with_prompts(
    pipeline: Any,  # noqa: ANN401 - any diffusers pipeline
    row: Model,
    request: DrawRequest,
    arguments: Mapping[str, Any],
    note: Note,
) -> dict[str, Any]:
    """`arguments` with their prompts as `pipeline` is to read them: as text where they fit, else as embeddings.

    `note` is told what of the prompts could not be done. A prompt that fits and has no weights is left to the stock
    pipeline. Called inside the request's fiber: text encoders may park it.
    """
    texts = {name: arguments[name] for name in (PROMPT, NEGATIVE) if isinstance(arguments.get(name), str)}
    if not texts:
        return dict(arguments)
    texts = {name: with_tokens(text, row.embeddings) for name, text in texts.items()}
    weighs = (getattr(request.parameters, "prompt_syntax", None) or row.prompt_syntax) == "weighted"
    said = {name: passages(text) if weighs else ((Piece(text),),) for name, text in texts.items()}
    plain = {name: without_weights(text) if weighs else text for name, text in texts.items()}
    encoders = clip_encoders(pipeline) if EMBEDDINGS[PROMPT] in taken(pipeline) else ()
    if not encoders:
        if any(map(is_weighted, said.values())):
            note(f"model '{row.id}' takes no weights in prompts: (word:1.3) was read as word")
        return {**arguments, **plain, **longer_sequence(pipeline, plain, arguments)}
    if not uses_negative(arguments):
        said.pop(NEGATIVE, None)
    if not any(map(is_weighted, said.values())) and all(fits(plain[name], encoders, pipeline) for name in said):
        return {**arguments, **plain}
    return {**arguments, **plain, **as_embeddings(pipeline, said, encoders, arguments, note)}


def is_weighted(said: tuple[Passage, ...]) -> bool:
    """Whether a prompt says more than its plain words do."""
    return len(said) > 1 or any(piece.weight != 1 for passage in said for piece in passage)


def uses_negative(arguments: Mapping[str, Any]) -> bool:
    """Whether the stock pipelines look at the negative prompt at all."""
    return float(arguments.get("guidance_scale", 2.0)) > 1


def fits(text: str, encoders: tuple[Encoder, ...], pipeline: Any) -> bool:  # noqa: ANN401
    """Whether every encoder reads all of `text` at once."""
    return all(len(chunks_of([(Piece(text),)], encoder, pipeline)) == 1 for encoder in encoders)


def as_embeddings(
    pipeline: Any,  # noqa: ANN401
    said: Mapping[str, tuple[Passage, ...]],
    encoders: tuple[Encoder, ...],
    arguments: Mapping[str, Any],
    note: Note,
) -> dict[str, Any]:
    """Arguments that stand for the prompts `said`: prompts of unequal length are brought to one with empty chunks."""
    chunked = {
        name: [readable(chunks_of(text, encoder, pipeline), encoder, name if encoder is encoders[0] else None, note)
               for encoder in encoders]
        for name, text in said.items()
    }  # fmt: skip
    count = max(len(chunks) for each in chunked.values() for chunks in each)
    two = getattr(pipeline, "text_encoder_2", None) is not None
    found: dict[str, Any] = {}
    for name, each in chunked.items():
        parts = [
            encoded(
                [*chunks, *[Chunk()] * (count - len(chunks))],
                encoder,
                penultimate=two,
                skip=arguments.get("clip_skip"),
            )
            for chunks, encoder in zip(each, encoders, strict=True)
        ]
        found |= arguments_of(name, parts)
    without = getattr(pipeline.config, "force_zeros_for_empty_prompt", False) and NEGATIVE not in arguments
    if two and without:
        for names in (EMBEDDINGS, POOLED):
            found[names[NEGATIVE]] = torch.zeros_like(found[names[PROMPT]])
    elif NEGATIVE not in said and uses_negative(arguments) and EMBEDDINGS[NEGATIVE] in taken(pipeline):
        return as_embeddings(pipeline, {**said, NEGATIVE: ((),)}, encoders, {**arguments, NEGATIVE: ""}, note)
    texts = {name: None for name in said}
    return {**texts, **{name: value for name, value in found.items() if name in taken(pipeline)}}


def readable(chunks: list[Chunk], encoder: Encoder, name: str | None, note: Note) -> list[Chunk]:
    """As many of `chunks` as are read; `note` is told of the rest, where the prompt has a `name` to tell it by."""
    if len(chunks) > MAX_CHUNKS and name is not None:
        kept = sum(len(chunk.ids) for chunk in chunks[:MAX_CHUNKS])
        total = sum(len(chunk.ids) for chunk in chunks)
        unread = encoder.tokenizer.decode([token for chunk in chunks[MAX_CHUNKS:] for token in chunk.ids])
        note(shortened(name, kept, total, unread))
    return chunks[:MAX_CHUNKS]


def arguments_of(name: str, parts: list[Encoded]) -> dict[str, Any]:
    """What the pipelines call the embeddings of the prompt `name`, of one encoder or several."""
    found = {EMBEDDINGS[name]: torch.cat([part.states for part in parts], dim=-1)}
    return found if parts[-1].pooled is None else {**found, POOLED[name]: parts[-1].pooled}


def longer_sequence(pipeline: Any, texts: Mapping[str, str], arguments: Mapping[str, Any]) -> dict[str, int]:  # noqa: ANN401
    """`max_sequence_length` as long as the family allows, where the pipeline's own is too short for a prompt."""
    most = next((most for name, most in LONGEST.items() if type(pipeline).__name__.startswith(name)), None)
    parameter = inspect.signature(type(pipeline).__call__).parameters.get("max_sequence_length")
    if most is None or parameter is None or "max_sequence_length" in arguments or parameter.default >= most:
        return {}
    tokenizer = getattr(pipeline, "tokenizer_3", None) or pipeline.tokenizer
    needed = max(len(tokenizer(text, verbose=False).input_ids) for text in texts.values())
    return {"max_sequence_length": most} if needed > parameter.default else {}


def taken(pipeline: Any) -> frozenset[str]:  # noqa: ANN401
    """The names of the parameters of the pipeline's call."""
    return parameter_names(type(pipeline).__call__)
