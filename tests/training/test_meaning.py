"""Words come to mean their motif's name, and the rest of MiniLM stays as it was."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from transformers import BertModel, BertTokenizerFast

from training import meaning, words
from training.motifs import Motif

MODEL = Path(__file__).parents[2] / "models" / "easel-mini"
KNOWN = (
    Motif("rocket", ("rocket",), ("spaceship", "booster"), ("launch",), ("shuttle",), ("moonshot",), row=0),
    Motif("violin", ("violin",), ("fiddle", "strings player's instrument"), (), ("viola",), (), row=1),
    Motif("money bag", ("money bag",), ("loot", "sack of cash"), (), ("riches",), (), row=2),
)


@pytest.fixture(scope="module")
def encoder() -> tuple[BertModel, BertTokenizerFast]:
    model = BertModel.from_pretrained(MODEL / "text_encoder", dtype=torch.float32).eval()
    return model, BertTokenizerFast.from_pretrained(MODEL / "tokenizer")


def test_captions_differ_in_the_subject_alone_and_never_say_what_is_held_out() -> None:
    # When many captions are drawn
    drawn = meaning.draw_captions(KNOWN, 400, random.Random(3))
    # Then each has its motif's name in the place of the word
    for said, word, named, name in zip(drawn.said, drawn.said_words, drawn.named, drawn.names, strict=True):
        assert said.replace(word, name, 1) == named
    # And held-out words stand in none
    for held_out in ("shuttle", "moonshot", "viola", "riches"):
        assert not any(held_out in said for said in drawn.said)


def test_spans_are_the_tokens_of_the_subject(encoder: tuple[BertModel, BertTokenizerFast]) -> None:
    texts, subjects = ("a 3d render of a money bag on red", "flat fiddle"), ("a money bag", "fiddle")

    batch = meaning.tokenize(texts, encoder[1])
    spans = meaning.find_spans(batch, texts, subjects)

    said = [encoder[1].decode(row[span]) for row, span in zip(batch.input_ids, spans, strict=True)]
    assert said == list(subjects)


@pytest.mark.parametrize(
    ("length", "subject", "wanted"),
    [
        # Ten states, numbered; the caption with the name is 6 tokens long and its subject is the third and fourth.
        (6, [2, 3], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (5, [2], [0, 1, 2.5, 4, 5, 7.5, 6, 7, 8, 9]),
        (8, [2, 3, 4, 5], [0, 1, 2.5, 2.5, 2.5, 2.5, 4, 5, 8, 9]),
    ],
)
def test_states_are_taken_over_token_by_token_around_the_subject(
    length: int, subject: list[int], wanted: list[float]
) -> None:
    # Given the states of the caption with the name, and a caption whose subject has as many, fewer or more tokens
    named = torch.arange(10.0)[:, None]
    span, named_span = torch.zeros(10, dtype=torch.bool), torch.zeros(10, dtype=torch.bool)
    span[subject], named_span[[2, 3]] = True, True
    # When the wanted states are laid out
    states = meaning.align(named, (length, 6), (span, named_span))
    # Then what stands around the subject moved with it, and padding is padding
    assert states[:, 0].tolist() == wanted


def test_listed_words_come_to_mean_the_name(encoder: tuple[BertModel, BertTokenizerFast]) -> None:
    model, tokenizer = encoder
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    names = meaning.name_states(KNOWN, model, tokenizer)
    drawn = meaning.draw_captions(KNOWN, 48, random.Random(5))
    lesson = meaning.Lesson(model, tokenizer, names)

    # When the last layers are taught for a few steps
    taught = meaning.teach(KNOWN, model, tokenizer, steps=12, batch=16, rate=3e-4)

    # Then captions that it was not shown come out nearer to what their name means
    with torch.no_grad():
        assert lesson.loss(taught, drawn) < 0.7 * lesson.loss(model, drawn)
    # And the teacher, the first layers and the norm that spreads the states are what they were
    changed = {name for name, weight in taught.state_dict().items() if not torch.equal(weight, before[name])}
    assert changed
    assert all(name.startswith(("encoder.layer.3.", "encoder.layer.4.", "encoder.layer.5.")) for name in changed)
    assert torch.equal(words.last_norm(taught).weight, before["encoder.layer.5.output.LayerNorm.weight"])
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
