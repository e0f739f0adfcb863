"""A stack whose worker draws on compiled graphs: the same pictures, said where models are told of, gone with it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.e2e.stack import Stack, easel_up, until
from tests.e2e.test_picture import largest_difference, picture

pytestmark = pytest.mark.slow

GRAPHS_SECONDS = 120


def graphs_of(stack: Stack) -> list[Path]:
    return sorted((stack.data_dir / "graphs").glob("*.xml"))


def test_the_first_pictures_do_not_wait_for_graphs_and_later_ones_are_the_same(tmp_path: Path) -> None:
    prompt = {"prompt": "a red apple", "seed": 5, "num_inference_steps": 6}
    with easel_up(tmp_path / "data", EASEL_BACKEND="auto") as stack:
        # When pictures are asked for at the first start
        first, _ = (stack.finish(stack.post(**prompt)["id"]) for _ in range(2))
        # Then the denoiser's and the decoder's graphs are made beside it, and the model says what computes it
        until(lambda: len(graphs_of(stack)) >= 2, GRAPHS_SECONDS, "the graphs")
        model = stack.http.get(f"/v1/models/{first['model']}").json()
        assert model["backend"] == "openvino"
        before = picture(stack, first)
        assert stack.stop(signal.SIGTERM) == 0
    made = {path.name: path.stat().st_ino for path in sorted((tmp_path / "data" / "graphs").glob("*.xml"))}
    with easel_up(tmp_path / "data", EASEL_BACKEND="auto") as stack:
        # When the same is drawn after a restart, on the graphs that are there
        again = [picture(stack, stack.finish(stack.post(**prompt)["id"])) for _ in range(4)]
        # Then it is the same picture, and none was made anew
        assert max(largest_difference(before, each) for each in again) <= 1
        assert made.items() <= {path.name: path.stat().st_ino for path in graphs_of(stack)}.items()


def test_a_stack_that_stops_while_graphs_are_made_leaves_nothing_behind(tmp_path: Path) -> None:
    # Given a stack whose graphs are being made
    with easel_up(tmp_path / "data", EASEL_BACKEND="openvino") as stack:
        stack.finish(stack.post(prompt="a fox", num_inference_steps=4)["id"])
        until(lambda: [*(stack.data_dir / "graphs").glob("making-*")], GRAPHS_SECONDS, "the making of graphs")
        children = stack.children()
        # When it is told to stop
        assert stack.stop(signal.SIGTERM) == 0
        # Then no process of it goes on
        assert not [child for child in children if child.is_running()]
