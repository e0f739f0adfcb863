"""Tags of LoRAs in prompts: read as AUTOMATIC1111's clients write them, and written so that they are read again."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from core.jobs import Adapter
from core.lora_tags import Tag, with_tags, without_tags


@pytest.mark.parametrize(
    ("prompt", "words", "tags"),
    [
        ("a fox", "a fox", ()),
        ("a fox <lora:pixel-art:0.8>", "a fox", (Tag("pixel-art", 0.8),)),
        ("<lora:a:1>, a fox, <lora:b:-.5>", "a fox", (Tag("a", 1.0), Tag("b", -0.5))),
        ("a <lora:a> fox", "a fox", (Tag("a", None),)),
        ("a fox <lora:a:0.6:0.9>", "a fox", (Tag("a", 0.6),)),
        ("a fox <lora:a:much>", "a fox", (Tag("a", None),)),
        ("a fox <lora:a:99>", "a fox", (Tag("a", 10.0),)),
        ("a fox <lora:a:nan>", "a fox", (Tag("a", None),)),
        ("a < b and <lora:", "a < b and <lora:", ()),
        ("two  spaces stay", "two  spaces stay", ()),
    ],
)
def test_tags_are_read(prompt: str, words: str, tags: tuple[Tag, ...]) -> None:
    assert without_tags(prompt) == (words, tags)


@given(st.lists(st.floats(-9, 9).map(lambda weight: float(f"{weight:g}")), max_size=4))
def test_what_is_written_is_read_again(weights: list[float]) -> None:
    adapters = [Adapter(id=f"style-{number}", weight=weight) for number, weight in enumerate(weights)]

    words, tags = without_tags(with_tags("a fox", adapters))

    assert words == "a fox"
    assert [(tag.name, tag.weight) for tag in tags] == [(each.id, each.weight) for each in adapters]
