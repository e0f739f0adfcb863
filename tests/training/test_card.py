"""The model card's table says what was measured, and nothing else of the card moves."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copy

from training import card, workspace


def test_the_shipped_card_says_what_was_measured(tmp_path: Path) -> None:
    # Given the shipped model's card and the figures beside it
    shipped = workspace.MODEL / "README.md"
    copied = Path(copy(shipped, tmp_path))
    figures = json.loads((workspace.MODEL / "evaluation.json").read_text())
    # When the figures are written into the card once more
    card.write_figures(copied, figures)
    # Then it says the same as before
    assert copied.read_text() == shipped.read_text()


def test_new_figures_change_the_table_alone(tmp_path: Path) -> None:
    # Given a card and figures of another run
    copied = Path(copy(workspace.MODEL / "README.md", tmp_path))
    before, _, rest = copied.read_text().partition(card.START)
    after = rest.partition(card.END)[2]
    figures = json.loads((workspace.MODEL / "evaluation.json").read_text()) | {"names_top1": 12.3, "steps": 7}
    # When they are written into it
    card.write_figures(copied, figures)
    # Then the table has them and the words around it stand
    text = copied.read_text()
    assert "top-1 12.3 %" in text
    assert "seconds a picture, 7 steps" in text
    assert text.startswith(before + card.START)
    assert text.endswith(card.END + after)


def test_what_is_shipped_was_measured_to_meet_its_aims() -> None:
    figures = json.loads((workspace.MODEL / "evaluation.json").read_text())
    assert figures["names_top1"] >= 80
    assert figures["unseen_top5"] >= 60
    assert min(figures["style_obeyed"], figures["background_obeyed"]) >= 95
    assert figures["seconds"] <= 3
