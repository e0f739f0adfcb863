"""Weights in prompts are read as AUTOMATIC1111 reads them; the cases are those of its own documentation and more."""

from __future__ import annotations

import pytest

from core.weighted_text import passages, without_weights


@pytest.mark.parametrize(
    ("prompt", "pieces"),
    [
        ("normal text", [("normal text", 1.0)]),
        ("an (important) word", [("an ", 1.0), ("important", 1.1), (" word", 1.0)]),
        ("(unbalanced", [("unbalanced", 1.1)]),
        (r"\(literal\]", [("(literal]", 1.0)]),
        ("(unnecessary)(parens)", [("unnecessaryparens", 1.1)]),
        (
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
            [
                ("a ", 1.0),
                ("house", 1.573),
                (" ", 1.1),
                ("on", 1.0),
                (" a ", 1.1),
                ("hill", 0.55),
                (", sun, ", 1.1),
                ("sky", 1.4641),
                (".", 1.1),
            ],
        ),
        ("", []),
        ("a:b ) ] :1.3)", [("a:b ) ] :1.3)", 1.0)]),
        ("(a:1.2.3)", [("a:1.2.3", 1.1)]),
        ("(a:-0.5)", [("a", -0.5)]),
        ("(a)[b]", [("a", 1.1), ("b", 0.909091)]),
    ],
)
def test_brackets_weigh(prompt: str, pieces: list[tuple[str, float]]) -> None:
    (passage,) = passages(prompt)

    assert [piece.text for piece in passage] == [text for text, _ in pieces]
    assert [piece.weight for piece in passage] == pytest.approx([weight for _, weight in pieces], abs=1e-5)


def test_break_parts_passages() -> None:
    first, second = passages("(red BREAK BROKEN:1.2) sky")

    assert [piece.text for piece in first] == ["red"]
    assert [(piece.text, piece.weight) for piece in second] == [("BROKEN", 1.2), (" sky", 1.0)]


def test_a_flood_of_brackets_is_read_at_once() -> None:
    # Given what would take minutes if every bracket weighed all that follows
    flood = "x(" * 100_000

    assert without_weights(flood).count("x") == 100_000
