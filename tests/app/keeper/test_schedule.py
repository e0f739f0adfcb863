"""The retry table: bounds, jitter, Retry-After."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.keeper.schedule import DELAYS, JITTER, MAX_RETRY_AFTER, delay_after, retry_after_seconds

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_table_is_the_specifications() -> None:
    assert len(DELAYS) == 10
    assert sum(DELAYS) == 75 * 3600 + 35 * 60 + 5


@given(st.integers(1, 9))
def test_every_delay_is_the_tables_within_the_jitter(attempts: int) -> None:
    delay = delay_after(attempts)
    assert delay is not None
    assert DELAYS[attempts] * (1 - JITTER) <= delay <= DELAYS[attempts] * (1 + JITTER)


@given(st.integers(10, 1_000), st.none() | st.floats(0, 1e9))
def test_the_tenth_failure_is_the_last(attempts: int, retry_after: float | None) -> None:
    assert delay_after(attempts, retry_after) is None


@given(st.integers(1, 9), st.floats(0, 1e9))
def test_retry_after_puts_off_and_never_brings_forward(attempts: int, retry_after: float) -> None:
    delay = delay_after(attempts, retry_after)
    assert delay is not None
    assert delay >= min(retry_after, MAX_RETRY_AFTER)
    assert delay >= DELAYS[attempts] * (1 - JITTER)
    assert delay <= max(MAX_RETRY_AFTER, DELAYS[attempts] * (1 + JITTER))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("120", 120),
        (" 0 ", 0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("9" * 5_000, 999_999_999_999),
        ("Thu, 01 Jan 2026 00:02:00 GMT", 120),
        ("Thu, 01 Jan 2026 00:02:00", 120),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, NOW) == seconds


@given(st.text())
def test_no_header_is_an_error(header: str) -> None:
    seconds = retry_after_seconds(header, NOW)
    assert seconds is None or seconds >= 0
