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


def test_words_go_to_the_motif_nearest_in_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given words at angles, in degrees: near a listed one, between two motifs, and far from all
    angles = {
        "rocket": 0, "spaceship": 20, "violin": 90, "fiddle": 100, "money bag": 180, "cash": 200,
        "spacecraft": 30, "orchestra": 125, "launch": 55, "dollars": 210, "anything": 300,
    }  # fmt: skip

    def directions(texts: list[str], *_: object) -> torch.Tensor:
        turned = torch.deg2rad(torch.tensor([float(angles[text]) for text in texts]))
        return torch.stack([turned.cos(), turned.sin()], dim=1)

    class Words:
        def get_vocab(self) -> dict[str, int]:
            return {word: number for number, word in enumerate(angles)}

    monkeypatch.setattr(neighbours, "directions", directions)
    known = [motif("rocket", ("spaceship",)), motif("violin", ("fiddle",)), motif("money bag", ("cash",))]

    # When they are shared out
    rocket, violin, money = neighbours.add_neighbours(known, None, Words())

    # Then each goes where it is clearly nearest, and what lies between or far off goes nowhere
    assert rocket.neighbours == ("spacecraft",)
    assert violin.neighbours == ("orchestra",)
    assert money.neighbours == ("dollars",)


def test_directions_are_those_of_the_words_alone_and_of_length_one() -> None:
    model = BertModel.from_pretrained(MODEL / "text_encoder", dtype=torch.float32).eval()
    tokenizer = BertTokenizerFast.from_pretrained(MODEL / "tokenizer")

    alone = neighbours.directions(["violin"], model, tokenizer)
    beside = neighbours.directions(["violin", "a word of many pieces beside which it is padded"], model, tokenizer)

    assert torch.allclose(alone[0], beside[0], atol=1e-5)
    assert torch.allclose(beside.norm(dim=-1), torch.ones(2))


def test_what_is_held_out_stays_out_in_every_form() -> None:
    known = [motif("rocket", ("spaceship",), held_out=("red spacecraft", "wave"))]

    found = neighbours.candidates(
        ["spacecraft", "spacecrafts", "spaceships", "rockets", "red", "waves", "orbit", "##ing"], known
    )

    assert found == ["orbit"]
