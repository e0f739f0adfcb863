"""What `easel up` gives its workers; that it starts and stops is in tests/e2e/test_up.py."""

from __future__ import annotations

import pytest

from app.stack.up import StackFailed, metrics_ports, names_of
from core.settings import Settings


@pytest.mark.parametrize(
    ("first", "count", "ports"),
    [(0, 2, [0, 0]), (9101, 1, [9101]), (9101, 3, [9101, 9103, 9104]), (65535, 1, [65535])],
)
def test_each_worker_has_a_port_of_its_own_for_its_metrics(first: int, count: int, ports: list[int]) -> None:
    settings = Settings.read(worker_metrics_port=first, keeper_metrics_port=9102, port=8000)

    assert metrics_ports(settings, count) == ports


def test_too_few_ports_are_told_by_the_setting() -> None:
    with pytest.raises(StackFailed, match="EASEL_WORKER_METRICS_PORT=65535 leaves no ports for 2 workers"):
        metrics_ports(Settings.read(worker_metrics_port=65535), 2)


def test_a_single_worker_needs_no_number() -> None:
    assert names_of(1) == ["worker"]
    assert names_of(2) == ["worker 1", "worker 2"]
