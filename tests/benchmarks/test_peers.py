"""The comparison with other servers: what they are asked, who takes part, what is made of the figures."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import peer_load
from benchmarks.checkpoints import bundled
from benchmarks.peer_load import Fresh
from benchmarks.peer_report import RATIOS, ratios_of
from benchmarks.peer_servers import PEERS, Peer, absence
from core.catalog.catalog import Catalog


def asked(number: int) -> list[tuple[str, int]]:
    """Prompt and seed of everything that a server is asked for in that round."""
    fresh = Fresh(number, divisor=1)
    bodies = [
        *fresh.mixed(8),
        *fresh.equal(40),
        *fresh.mixed(40),
        *(fresh.one(num_inference_steps=4) for _ in range(9)),
    ]
    return [(body["prompt"], body["seed"]) for body in bodies]


def test_nothing_is_asked_twice_and_every_server_of_a_round_is_asked_the_same() -> None:
    # Given the requests of two servers in a round, and those of the next round
    first, same, next_round = asked(0), asked(0), asked(1)
    # Then no prompt and no seed comes twice, and the two servers get equal ones
    prompts, seeds = zip(*first, *next_round, strict=True)
    assert len(set(prompts)) == len(set(seeds)) == len(first) + len(next_round)
    assert first == same


def test_a_large_model_is_asked_for_a_quarter_of_the_steps() -> None:
    usual, few = Fresh(0, divisor=1).mixed(20), Fresh(0, divisor=4).mixed(20)
    assert [body["num_inference_steps"] // 4 for body in usual] == [body["num_inference_steps"] for body in few]


def test_ratios_are_of_the_same_round_and_of_the_best_peer() -> None:
    # Given a machine that was half as fast in the second round
    def speed(first: float) -> list[dict[str, float]]:
        return [{figure: value for figure, *_ in RATIOS} for value in (first, first / 2)]

    ratios = ratios_of({"fastapi": speed(2.0), "ray": speed(4.0), "easel": speed(6.0)})
    # Then the ratio is that of every round: to the fastest where more is better, to the least where less is
    by_figure = {title.split(":")[0]: values["easel"] for title, values in ratios.items()}
    assert by_figure[peer_load.MIXED] == pytest.approx(1.5)
    assert by_figure[peer_load.MIXED_P95] == pytest.approx(3.0)
    assert by_figure[peer_load.ALONE] == pytest.approx(3.0)


def test_who_is_absent_is_told_with_the_reason(tmp_path: Path) -> None:
    model = bundled(tmp_path)
    missing = Peer("other", "Other", 1, "no_such_package", "pip install no-such-package")
    refusing = replace(missing, refuses={"easel-mini": "it knows no BERT"})
    assert absence(missing, model, sys.executable) == "not installed: pip install no-such-package"
    assert absence(refusing, model, sys.executable) == "it knows no BERT"
    assert absence(PEERS[0], model, sys.executable) is None


def test_the_bundled_model_is_drawn_with_its_whole_schedule(tmp_path: Path) -> None:
    # When the catalogue that the servers are given is read
    model = bundled(tmp_path)
    catalog = Catalog.load(model.catalog)
    # Then it has the one row that peers can draw as well, wherever the catalogue lies
    (row,) = catalog.models
    assert (row.id, row.num_inference_steps, row.guidance_scale > 1) == ("easel-mini", 20, True)
    assert catalog.local_path(row.source) == model.folder
