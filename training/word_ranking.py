"""Which motif the text encoder takes a word for, by the names next to it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import BertModel, BertTokenizerFast

from training import captions, text_encoder, words
from training.motifs import Motif


@torch.no_grad()
def rank_words(
    asked: Sequence[tuple[int, str]], known: Sequence[Motif], model: BertModel, tokenizer: BertTokenizerFast
) -> list[int]:
    """For each motif's number and a word for it, how many names of `known` lie nearer to the word than the right one.

    The UNet can do no better than this, but for luck.
    """
    names = text_encoder.name_states(known, model, tokenizer)
    ranks = []
    for number, word in asked:
        said = text_encoder.fill(["{}"], [captions.with_article(word)], tokenizer)
        state = text_encoder.average(words.states_of(said.batch, model), said.spans.to(model.device))
        apart = torch.cdist(state, names)[0]
        ranks.append(int((apart < apart[number]).sum()))
    return ranks
