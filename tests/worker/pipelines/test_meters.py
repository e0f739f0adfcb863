"""What the process has grown by counts as free for the next forward, and is not looked up at every turn."""

from __future__ import annotations

import pytest

from worker.pipelines import meters
from worker.pipelines.meters import LOOK_SECONDS, ProcessMeter


def test_free_is_what_the_machine_has_and_what_forwards_took(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a process that grows by 30 bytes
    sizes = iter([100, 130])
    monkeypatch.setattr(meters, "resident_bytes", lambda: next(sizes))
    monkeypatch.setattr(meters, "free_memory", lambda device: 1000)
    assert ProcessMeter().free() == 1030


def test_the_machine_is_looked_at_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now, available = 0.0, [1000, 500]
    monkeypatch.setattr(meters, "resident_bytes", lambda: 100)
    monkeypatch.setattr(meters, "free_memory", lambda device: available.pop(0))
    meter = ProcessMeter(clock=lambda: now)
    assert (meter.free(), meter.free()) == (1000, 1000)
    now += LOOK_SECONDS
    assert meter.free() == 500


def test_nothing_is_known_where_the_platform_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meters, "resident_bytes", lambda: 100)
    monkeypatch.setattr(meters, "free_memory", lambda device: None)
    assert ProcessMeter().free() is None


def test_a_model_that_left_does_not_hide_what_forwards_take(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a process that shrank from 100 bytes to 40 when another model took the place of the first
    sizes = iter([100, 40, 70])
    monkeypatch.setattr(meters, "resident_bytes", lambda: next(sizes))
    meter = ProcessMeter()
    meter.start_over()
    # When a forward of the new one takes 30, then they are seen
    assert meter.taken() == 30
