"""Which words nobody listed lie next to a motif's own in MiniLM's space.

Whoever types one of them means the motif, or nothing that we have: trained on such words, the UNet follows the
encoder's sense of meaning instead of a list.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import torch
from transformers import BertModel, BertTokenizerFast

from training import captions, lists
from training.motifs import Motif

# Cosine to the nearest listed word, and by how much the next motif must be farther. Below are words of all kinds.
NEAR, MARGIN = 0.68, 0.02


def candidates(vocabulary: Sequence[str], known: Sequence[Motif]) -> list[str]:
    """Whole words that are not listed and no telling part of what is held out, in no form."""
    listed = {lists.stem(word) for motif in known for word in motif.listed}
    parts = {part for text in listed for part in text.split()}
    held_out = {lists.stem(word) for motif in known for word in (*motif.held_out_synonyms, *motif.held_out_tags)}
    kept = held_out | {part for text in held_out for part in text.split()} - parts
    whole = [word for word in vocabulary if re.fullmatch(r"[a-z]{3,}", word)]
    return [word for word in whole if lists.stem(word) not in listed and lists.stem(word) not in kept]


@torch.no_grad()
def directions(texts: Sequence[str], model: BertModel, tokenizer: BertTokenizerFast) -> torch.Tensor:
    """The mean of each one's token states, of length one; `NEAR` is for states that were spread (`training.words`)."""
    parts = []
    for start in range(0, len(texts), 256):
        batch = tokenizer(
            [captions.with_article(text) for text in texts[start : start + 256]], padding=True, return_tensors="pt"
        ).to(model.device)
        states = model(batch.input_ids, attention_mask=batch.attention_mask)[0]
        mask = batch.attention_mask[..., None]
        parts.append(torch.nn.functional.normalize((states * mask).sum(dim=1) / mask.sum(dim=1), dim=-1))
    return torch.cat(parts)


def add_neighbours(known: Sequence[Motif], model: BertModel, tokenizer: BertTokenizerFast) -> list[Motif]:
    """The motifs, each with the words that lie next to its own and clearly nearer to it than to any other."""
    listed = [(n, word) for n, motif in enumerate(known) for word in motif.listed]
    unlisted = candidates(sorted(tokenizer.get_vocab()), known)
    owners = torch.tensor([n for n, _ in listed])
    alike = directions(unlisted, model, tokenizer) @ directions([word for _, word in listed], model, tokenizer).T
    nearest = torch.full((len(unlisted), len(known)), -1.0, device=alike.device)
    nearest.scatter_reduce_(1, owners.to(alike.device).expand_as(alike), alike, "amax")
    first, second = nearest.topk(2, dim=1).values.T
    found: dict[int, list[str]] = {}
    for place in ((first >= NEAR) & (first - second >= MARGIN)).nonzero()[:, 0].tolist():
        found.setdefault(int(nearest[place].argmax()), []).append(unlisted[place])
    return [replace(motif, neighbours=tuple(found.get(n, ()))) for n, motif in enumerate(known)]
