"""`::` as weights in the model's own syntax: against each other, and with brackets that stay brackets."""

from __future__ import annotations

import pytest

from app.jobs.prompt_parameters.parts import parts_of
from app.jobs.prompt_parameters.weights import words_of
from core.weighted_text import passages
from tests.app.jobs.prompt_parameters.models import BARE, MINI


@pytest.mark.parametrize(
    ("words", "prompt"),
    [
        ("a fox", "a fox"),
        ("a fox::5", "a fox"),
        ("a fox:: a cat", "a fox, a cat"),
        ("a fox::2 a cat::1", "(a fox:1.33), (a cat:0.67)"),
        ("a fox::4 a cat::2", "(a fox:1.33), (a cat:0.67)"),
        ("a::1 b::2 c::3", "(a:0.5), b, (c:1.5)"),
        ("a (small) fox::2 a cat", r"(a \(small\) fox:1.33), (a cat:0.67)"),
    ],
)
def test_weights_count_against_their_mean(words: str, prompt: str) -> None:
    assert words_of(parts_of(words), {}, MINI).prompt == prompt


def test_what_is_written_is_read_as_it_was_meant() -> None:
    # Given brackets in plain words, and a weight
    written = words_of(parts_of(r"a [big] \ fox (red)::2 a cat"), {}, MINI)
    # When the prompt is read as weighted ones are
    (pieces,) = passages(written.prompt)
    # Then they are the words that stood there
    assert pieces[0].text == r"a [big] \ fox (red)"
    assert pieces[0].weight == 1.33
    assert "".join(piece.text for piece in pieces) == r"a [big] \ fox (red), a cat"


def test_brackets_that_are_weights_stay_weights() -> None:
    given = {"prompt_syntax": "weighted"}
    assert words_of(parts_of("a (fox:1.2)::2 a cat"), given, MINI).prompt == "(a (fox:1.2):1.33), (a cat:0.67)"


def test_no_part_outweighs_all_others() -> None:
    words = words_of(parts_of("a::100 b c::1 d::1 e::1"), {}, MINI)
    assert words.prompt.startswith("(a:2)")
    assert "more than 2 times" in words.notes[0]


def test_what_is_below_zero_is_kept_out() -> None:
    words = words_of(parts_of("a fox::1 a hat::-0.5"), {}, MINI)
    assert (words.prompt, words.negative, words.weighted) == ("a fox", ("(a hat:0.5)",), True)
    plain = words_of(parts_of("a fox::1 a hat::-0.5"), {}, BARE.evolve(negative_prompt=True))
    assert (plain.negative, plain.weighted) == (("a hat",), False)
    assert "as a whole" in plain.notes[0]
