"""The table of parameters names all that there are, with the figures of the code."""

from __future__ import annotations

import re
from typing import Final

from app.jobs.prompt_parameters.recipes import guided_by
from app.jobs.prompt_parameters.references import style_strength
from app.jobs.prompt_parameters.said import NAMES
from app.jobs.prompt_parameters.values import OTHERS
from tests.docs.pages import ROOT

PAGE: Final = (ROOT / "docs" / "midjourney.md").read_text(encoding="utf-8")
TABLE: Final = PAGE.split("## The parameters")[1].split("\n## ")[0]
FOR_VIDEO: Final = frozenset(name for name, said in OTHERS.items() if said == OTHERS["video"])
"""`--video` and its like."""

FOR_PROFILES: Final = frozenset(name for name, said in OTHERS.items() if said == OTHERS["p"])


def test_every_parameter_is_in_the_table() -> None:
    named = set(re.findall(r"--([a-z]+)", TABLE))
    assert NAMES - FOR_VIDEO - FOR_PROFILES <= named
    assert named <= NAMES


def test_the_figures_are_those_of_the_code() -> None:
    assert "1 + (g - 1) x f" in TABLE
    assert [guided_by(stylize, 11.0) for stylize in (0, 100, 1000)] == [7.0, 11.0, 16.0]
    assert "f is 0.6 at 0, 1 at 100 in a straight line, then 1 + 0.5 log10(s / 100): 1.5 at 1000" in TABLE
    assert [style_strength(weight) for weight in (100, 1000)] == [1, 2]
    assert "1 at 100, 2 at 1000" in TABLE
