"""`easel vary`, `pan` and the like: what each asks for, and what is said of what is no picture."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.results import ResultStore
from core.settings import Settings
from tests.app.cli.conftest import Easel, picture


def drawn(easel: Easel, settings: Settings) -> str:
    """The id of a finished job whose picture is a real one."""
    job = json.loads(easel("generate", "an", "apple", "--json").stdout)
    ResultStore(settings.results_location).put(f"{job['id']}/1/0.png", picture(size=(256, 256)))
    return str(job["id"])


@pytest.mark.usefixtures("drawing")
@pytest.mark.parametrize(
    ("words", "task", "asked"),
    [
        (["vary", "{id}", "--strength", "strong"], "image-to-image", {"strength": 0.7, "prompt": "an apple"}),
        (["vary", "{id}:0", "--strength", "0.5", "--prompt", "a pear"], "image-to-image", {"prompt": "a pear"}),
        (["remix", "{id}", "a", "pear"], "image-to-image", {"strength": 0.75, "prompt": "a pear"}),
        (["pan", "{id}", "left", "--by", "0.25"], "inpaint", {"width": 320, "height": 256}),
        (["zoom", "{id}", "1.5"], "inpaint", {"width": 256, "height": 256}),
        (["reframe", "{id}", "3:2"], "inpaint", {"width": 384, "height": 256}),
        (["extend", "{id}", "--left", "64"], "inpaint", {"width": 320, "height": 256}),
        (["reroll", "{id}"], "text-to-image", {"prompt": "an apple"}),
    ],
)
def test_each_goes_on_from_the_picture(
    easel: Easel, settings: Settings, words: list[str], task: str, asked: dict[str, Any]
) -> None:
    # Given a picture
    parent = drawn(easel, settings)
    # When something is made of it
    done = easel(*(word.replace("{id}", parent) for word in words), "--seed", 3, "--json")
    # Then that is what is asked for, and fetched
    assert done.exit_code == 0, done.output
    job = json.loads(done.stdout)
    assert (job["task"], job["seeds"], len(job["files"])) == (task, [3], 1)
    assert asked.items() <= job["parameters"].items()


@pytest.mark.usefixtures("drawing")
def test_what_is_asked_wrongly_is_said(easel: Easel, settings: Settings) -> None:
    parent = drawn(easel, settings)
    assert "is no picture" in easel("zoom", "apple.png").output
    assert easel("zoom", "apple.png").exit_code == 2
    assert "direction" in easel("pan", parent, "back").output
    assert "there is no such generation" in easel("vary", "gen_" + "0" * 40).output
