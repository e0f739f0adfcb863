"""Prompts of any length, with weights, as embeddings of CLIP's text encoders: chunk by chunk, as AUTOMATIC1111 does.

Own code, since compel, which does chunks too, has weights of another language and meaning: it draws towards an empty
prompt what AUTOMATIC1111's users expect to be multiplied, and reads brackets in its own way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from core.weighted_text import Passage

MAX_CHUNKS: Final = 32
"""What is read of one prompt, some 2,400 tokens: every pixel attends to all of them, at every step."""

COMMA: Final = ",</w>"
COMMA_WITHIN: Final = 20
"""A full chunk ends behind its last comma, if that is among so many last tokens: words of one thought stay together."""

NO_MEAN: Final = 1e-5
"""Means of trained encoders' states are some 0.1."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """One of CLIP's text encoders, with its tokenizer."""

    tokenizer: Any
    model: Any

    @property
    def length(self) -> int:
        """Tokens that it reads at once; of some files only the model says so."""
        return int(min(self.tokenizer.model_max_length, self.model.config.max_position_embeddings))

    @property
    def room(self) -> int:
        """Tokens of one chunk, without those that begin and end it."""
        return self.length - 2


@dataclass(slots=True)
class Chunk:
    """Token ids of at most `room` tokens, and their weights."""

    ids: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Encoded:
    """`states` are [1, chunks x length, width]; `pooled` is [1, width], None where the model has none."""

    states: torch.Tensor
    pooled: torch.Tensor | None


def clip_encoders(pipeline: Any) -> tuple[Encoder, ...]:  # noqa: ANN401 - any diffusers pipeline
    """The text encoders of a UNet that knows CLIP's states alone: Stable Diffusion 1, 2 and XL; else none."""
    parts = pipeline.components
    names = [name for name in parts if "text_encoder" in name and parts[name] is not None]
    found = tuple(Encoder(parts.get(name.replace("text_encoder", "tokenizer")), parts[name]) for name in sorted(names))
    kinds: tuple[type, ...] = (CLIPTextModel,)
    if parts.get("text_encoder_2") is not None:
        kinds = (CLIPTextModel, CLIPTextModelWithProjection)[-len(names) :]
    fits = len(found) == len(kinds) and all(isinstance(e.model, kind) for e, kind in zip(found, kinds, strict=True))
    return found if fits and parts.get("unet") is not None and all(e.tokenizer is not None for e in found) else ()


def chunks_of(passages: Sequence[Passage], encoder: Encoder, pipeline: Any) -> list[Chunk]:  # noqa: ANN401
    """The tokens of `passages`, a new chunk for each of them and wherever one is full; at least one."""
    chunks = [Chunk()]
    comma, comma_id = -1, encoder.tokenizer.get_vocab().get(COMMA)
    for number, passage in enumerate(passages):
        if number:
            chunks.append(Chunk())
            comma = -1
        for token, weight in tokens_of(passage, encoder.tokenizer, pipeline):
            chunk = chunks[-1]
            if len(chunk.ids) == encoder.room:
                near = token != comma_id and comma >= 0 and encoder.room - comma <= COMMA_WITHIN
                end = comma + 1 if near else encoder.room
                chunks.append(Chunk(chunk.ids[end:], chunk.weights[end:]))
                del chunk.ids[end:], chunk.weights[end:]
                comma = -1
            if token == comma_id:
                comma = len(chunks[-1].ids)
            chunks[-1].ids.append(token)
            chunks[-1].weights.append(weight)
    return chunks


def tokens_of(passage: Passage, tokenizer: Any, pipeline: Any) -> Iterator[tuple[int, float]]:  # noqa: ANN401
    """Every token id of a passage and its weight."""
    convert = getattr(pipeline, "maybe_convert_prompt", None)  # of pipelines that know textual inversions
    for piece in passage:
        text = convert(piece.text, tokenizer) if convert else piece.text
        for token in tokenizer(text, add_special_tokens=False, verbose=False).input_ids:
            yield token, piece.weight


def encoded(chunks: Sequence[Chunk], encoder: Encoder, *, penultimate: bool, skip: int | None) -> Encoded:
    """The embeddings of `chunks`, one after the other, each as the stock pipelines encode a prompt that fits.

    `penultimate` is how SDXL reads its encoders; `skip` is diffusers' `clip_skip`. The pooled prompt is that of the
    first chunk. A weight multiplies a token's state, and the chunk keeps its mean.
    """
    model = encoder.model
    padded = [padded_ids(chunk.ids, encoder) for chunk in chunks]
    ids = torch.tensor([row for row, _ in padded], device=model.device)
    asked: dict[str, Any] = {}
    if not penultimate and getattr(model.config, "use_attention_mask", False):
        asked["attention_mask"] = torch.tensor([mask for _, mask in padded], device=model.device)
    if penultimate or skip is not None:
        asked["output_hidden_states"] = True
    output = model(ids, **asked)
    if penultimate:
        states = output.hidden_states[-2 if skip is None else -(skip + 2)]
    elif skip is None:
        states = output[0]
    else:
        states = model.text_model.final_layer_norm(output.hidden_states[-(skip + 1)])
    pooled = output[0][:1] if output[0].ndim == 2 else None
    weighed = [weighted(state, chunk.weights) for state, chunk in zip(states, chunks, strict=True)]
    return Encoded(torch.cat(weighed)[None].to(model.dtype).detach(), None if pooled is None else pooled.detach())


def padded_ids(ids: Sequence[int], encoder: Encoder) -> tuple[list[int], list[int]]:
    """A whole row for the encoder: begin, `ids`, end, and padding; and which of it is no padding."""
    tokenizer = encoder.tokenizer
    row = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id]
    padding = encoder.length - len(row)
    return [*row, *[tokenizer.pad_token_id] * padding], [*[1] * len(row), *[0] * padding]


def weighted(states: torch.Tensor, weights: Sequence[float]) -> torch.Tensor:
    """`states`, [length, width], times the weights of a chunk's tokens, with the mean that they had.

    AUTOMATIC1111's emphasis "Original". A mean of nothing but rounding is let go.
    """
    if all(weight == 1 for weight in weights):
        return states
    factors = states.new_ones(states.shape[0])
    factors[1 : 1 + len(weights)] = torch.tensor(weights, dtype=states.dtype, device=states.device)
    changed = states * factors[:, None]
    before, after = states.float().mean(), changed.float().mean()
    has_mean = torch.minimum(before.abs(), after.abs()) > NO_MEAN
    kept = torch.where(has_mean, before / after, torch.ones_like(after))
    return changed * kept.to(states.dtype)
