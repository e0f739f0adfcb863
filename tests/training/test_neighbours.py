"""Words that nobody listed go to the motif nearest in meaning, and never what the evaluation asks for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import BertModel, BertTokenizerFast

from training import neighbours
from training.motifs import Motif

MODEL = Path(__file__).parents[2] / "models" / "easel-mini"


def motif(label: str, synonyms: tuple[str, ...], held_out: tuple[str, ...] = ()) -> Motif:
    return Motif(label, (label,), synonyms, (), held_out, (), row=0)


@pytest.fixture(scope="module")
def encoder() -> tuple[BertModel, BertTokenizerFast]:
    model = BertModel.from_pretrained(MODEL / "text_encoder", dtype=torch.float32).eval()
    return model, BertTokenizerFast.from_pretrained(MODEL / "tokenizer")


def test_words_go_to_the_motif_nearest_in_meaning(encoder: tuple[BertModel, BertTokenizerFast]) -> None:
    known = [motif("rocket", ("spaceship",)), motif("violin", ("fiddle",)), motif("money bag", ("cash",))]

    rocket, violin, money = neighbours.add_neighbours(known, *encoder)

    assert "spacecraft" in rocket.neighbours
    assert "cello" in violin.neighbours
    assert "dollars" in money.neighbours
    assert set(rocket.neighbours).isdisjoint(violin.neighbours)


def test_what_is_held_out_stays_out_in_every_form() -> None:
    known = [motif("rocket", ("spaceship",), held_out=("red spacecraft", "wave"))]

    found = neighbours.candidates(
        ["spacecraft", "spacecrafts", "spaceships", "rockets", "red", "waves", "orbit", "##ing"], known
    )

    assert found == ["orbit"]
