"""Captions say what a picture shows, in ways that people do."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest

from training import captions

FOX: Any = SimpleNamespace(names=("fox", "red fox"), synonyms=("vixen",), tags=("sly",), neighbours=("vulpes",))
OWL: Any = SimpleNamespace(names=("owl", "brown owl"), synonyms=(), tags=(), neighbours=())
FOX_WORDS = ("fox", "vixen", "sly", "vulpes")


def said(motifs: tuple[Any, ...], style: str, colour: str) -> list[str]:
    return [captions.write_caption(motifs, style, colour, random.Random(seed)) for seed in range(300)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("fox", "a fox"),
        ("owl", "an owl"),
        ("unicorn", "a unicorn"),
        ("socks", "socks"),
        ("pair of socks", "a pair of socks"),
    ],
)
def test_articles(name: str, text: str) -> None:
    assert captions.with_article(name) == text


def test_every_caption_names_the_motif_and_nothing_else_is_sure() -> None:
    texts = said((FOX,), "3d", "white")
    assert all(any(word in text for word in FOX_WORDS) for text in texts)
    assert len(set(texts)) > 30
    assert any(text == "a fox" for text in texts)


def test_flat_and_colours_hardly_ever_go_without_saying() -> None:
    texts = said((FOX,), "flat", "dark blue")
    assert sum("flat" in text for text in texts) > 280
    assert sum("dark blue" in text for text in texts) > 280


def test_of_two_motifs_the_left_one_comes_first() -> None:
    for text in said((FOX, OWL), "3d", "white"):
        fox = min(text.find(word) for word in FOX_WORDS if word in text)
        assert fox < text.find("owl")
