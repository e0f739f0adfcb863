"""A round that fails is followed by the next."""

from __future__ import annotations

import logging
import threading

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from app.keeper.periodic import repeat


@pytest.mark.parametrize("error", [RedisConnectionError("gone"), KeyError("a bug"), OSError("disk")])
def test_no_failure_ends_the_rounds(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    # Given
    caplog.set_level(logging.INFO, logger="app")
    stopping = threading.Event()
    calls = 0

    def action() -> None:
        nonlocal calls
        calls += 1
        if calls <= 3:
            raise error
        stopping.set()

    # When
    repeat("reaper", 0.01, action, stopping)

    # Then
    assert calls == 4


def test_an_outage_is_logged_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    # Given
    caplog.set_level(logging.INFO, logger="app")
    stopping = threading.Event()
    calls = 0

    def action() -> None:
        nonlocal calls
        calls += 1
        if calls <= 5:
            raise RedisConnectionError("gone")
        if calls == 8:
            stopping.set()

    # When
    repeat("reaper", 0.01, action, stopping)

    # Then
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
