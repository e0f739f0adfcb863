"""The stores under test, all on the one real Valkey."""

from __future__ import annotations

import pytest
from redis import Redis

from core.store import EventLog, JobStore, Outbox
from core.store.limits import Limits


@pytest.fixture
def jobs(redis: Redis) -> JobStore:
    return JobStore(redis, Limits(max_queued=6, max_queued_per_owner=4))


@pytest.fixture
def events(redis: Redis) -> EventLog:
    return EventLog(redis)


@pytest.fixture
def outbox(redis: Redis) -> Outbox:
    return Outbox(redis)
