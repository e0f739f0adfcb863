"""Braces in a prompt: every choice once, counted before any is written."""

from __future__ import annotations

import pytest

from app.jobs.prompt_parameters.permutations import permutations
from core.errors import InvalidRequest


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [
        ("a bird", ["a bird"]),
        ("a {red, blue} bird", ["a red bird", "a blue bird"]),
        ("{a,b} {c,d}", ["a c", "a d", "b c", "b d"]),
        ("a {red {fox, cat}, dog}", ["a red fox", "a red cat", "a dog"]),
        ("x --ar {1:1, 16:9}", ["x --ar 1:1", "x --ar 16:9"]),
        ("x {--tile, --raw --s 5}", ["x --tile", "x --raw --s 5"]),
        (r"a {one\, two, three}", ["a one, two", "a three"]),
        (r"a \{b, c\}", ["a {b, c}"]),
        ("a {,red} bird", ["a  bird", "a red bird"]),
        ("a {red} bird", ["a red bird"]),
        (r"back\slash", [r"back\slash"]),
        ("a, b", ["a, b"]),
    ],
)
def test_every_choice_is_a_prompt(prompt: str, texts: list[str]) -> None:
    assert [each.text for each in permutations(prompt)] == texts


def test_what_was_chosen_is_told() -> None:
    chosen = [each.chosen for each in permutations("a {red {fox, cat}, dog} {x, y}")]
    assert chosen[0] == ("red fox", "x")
    assert chosen[-1] == ("dog", "y")


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a {b, c", "never closed"),
        ("a } b", "closes no brace"),
        ("a {} b", "nothing to choose from"),
        ("{" * 9 + "a" + "}" * 9, "8 deep"),
        ("{a,b}" * 6, "64 jobs, over the 40"),
        ("{a,b}" * 3000, "more than a million jobs"),
    ],
)
def test_what_is_wrong_is_named(prompt: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as raised:
        permutations(prompt)
    assert raised.value.param == "prompt"


def test_forty_are_just_enough() -> None:
    assert len(permutations("{1,2,3,4} {1,2,3,4,5} {1,2}")) == 40
