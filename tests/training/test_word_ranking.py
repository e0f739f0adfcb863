"""Words are ranked by the names next to them, in the shipped text encoder."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import BertModel, BertTokenizerFast

from training import word_ranking
from training.motifs import Motif

MODEL = Path(__file__).parents[2] / "models" / "easel-mini"
KNOWN = tuple(
    Motif(name, (name,), (), (), (), (), row) for row, name in enumerate(("horse", "castle", "banana", "guitar"))
)


@pytest.fixture(scope="module")
def encoder() -> tuple[BertModel, BertTokenizerFast]:
    return (
        BertModel.from_pretrained(MODEL / "text_encoder").eval(),
        BertTokenizerFast.from_pretrained(MODEL / "tokenizer"),
    )


def test_a_word_is_next_to_the_name_of_what_it_means(encoder: tuple[BertModel, BertTokenizerFast]) -> None:
    asked = [(0, "horse"), (0, "stallion"), (1, "fortress"), (3, "ukulele")]
    assert word_ranking.rank_words(asked, KNOWN, *encoder) == [0, 0, 0, 0]


def test_a_word_is_not_next_to_another_name(encoder: tuple[BertModel, BertTokenizerFast]) -> None:
    ranks = word_ranking.rank_words([(1, "stallion"), (2, "fortress")], KNOWN, *encoder)
    assert min(ranks) > 0
