"""The parts of a picture's time."""

from __future__ import annotations

import pytest

from benchmarks.alone import STEP, TOTAL, parts_of
from benchmarks.load import time_of

JOB = {
    "created_at": "2026-01-01T00:00:01.000Z",
    "started_at": "2026-01-01T00:00:01.010Z",
    "finished_at": "2026-01-01T00:00:01.500Z",
    "timings": {"queue": 0.01, "encode": 0.02, "denoise": 0.4, "decode": 0.04, "store": 0.01},
}


def test_the_parts_add_up_to_what_the_client_waited() -> None:
    # Given a job that began a millisecond after it was sent for, whose picture was fetched 30 ms after its end
    sent = time_of(JOB["created_at"]) - 0.001
    finished = time_of(JOB["finished_at"])
    # When it is taken apart
    parts = parts_of(JOB, sent, finished + 0.02, finished + 0.03, steps=4)
    # Then nothing is left over, and what no stage has is what the worker did beside them
    rest = {name: value for name, value in parts.items() if name not in (TOTAL, STEP)}
    assert sum(rest.values()) == pytest.approx(parts[TOTAL], abs=0.01) == 531
    assert parts["claim, hand over, commit: what no stage has"] == pytest.approx(20, abs=0.01)
    assert parts[STEP] == pytest.approx(100)
