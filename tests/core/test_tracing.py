"""The header of W3C Trace Context: what is taken, and what is passed on."""

from __future__ import annotations

import pytest

from core.telemetry import Telemetry
from core.tracing import child_of, current, trace_id

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADER = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.mark.parametrize("header", [HEADER, f" {HEADER} ", f"cc-{HEADER[3:]}", f"cc-{HEADER[3:]}-what-the-future-has"])
def test_a_trace_is_taken(header: str) -> None:
    with Telemetry().span("request", header, {}):
        assert current() == HEADER
        assert trace_id(HEADER) == TRACE


@pytest.mark.parametrize(
    "header",
    ["", "nonsense", HEADER.upper(), f"{HEADER}-more", f"ff-{HEADER[3:]}", f"00-{'0' * 32}-00f067aa0ba902b7-01",
     f"00-{TRACE}-{'0' * 16}-01", HEADER[:-1], "0" * 10_000],
)  # fmt: skip
def test_a_malformed_one_is_none_and_fills_no_log(header: str, caplog: pytest.LogCaptureFixture) -> None:
    with Telemetry().span("request", header, {}):
        assert current() is None
    assert not caplog.records


def test_what_follows_is_of_the_same_trace() -> None:
    child = child_of(HEADER)
    with Telemetry().span("receive", child, {}):
        assert current() == child
    assert trace_id(child) == TRACE
    assert child != HEADER
    assert child.endswith("-01")
