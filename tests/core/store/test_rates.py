"""The token bucket: so many at once, then as many as the minute brings, each owner for itself."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from core.store import Rates
from core.store.rates import Allowance


@pytest.fixture
def rates(redis: Redis) -> Rates:
    return Rates(redis)


def later(redis: Redis, owner: str, milliseconds: int) -> None:
    """What time does to a bucket, at once."""
    redis.hincrby(f"easel:bucket:{owner}", "at", -milliseconds)


def test_a_full_bucket_then_none(rates: Rates) -> None:
    taken = [rates.take("ann", 2) for _ in range(3)]

    assert [allowance.remaining for allowance in taken] == [1, 0, 0]
    assert [allowance.retry_after is None for allowance in taken] == [True, True, False]
    assert taken[0] == Allowance(limit=2, remaining=1, full_after=30, retry_after=None)
    assert taken[2].retry_after in (29, 30)
    assert taken[2].full_after in (59, 60)


def test_it_is_each_owners_own(rates: Rates) -> None:
    assert rates.take("ann", 1).retry_after is None
    assert rates.take("ann", 1).retry_after is not None
    assert rates.take("bob", 1).retry_after is None


def test_whoever_waits_as_told_may_pass(rates: Rates, redis: Redis) -> None:
    for _ in range(3):
        refused = [allowance for allowance in (rates.take("ann", 6) for _ in range(7)) if allowance.retry_after]
        assert refused[-1].retry_after is not None
        later(redis, "ann", refused[-1].retry_after * 1000)
        assert rates.take("ann", 6).retry_after is None


def test_a_lower_limit_counts_at_once(rates: Rates) -> None:
    rates.take("ann", 1000)

    assert [rates.take("ann", 2).retry_after is None for _ in range(3)] == [True, True, False]


def test_an_idle_bucket_is_forgotten_when_it_is_full(rates: Rates, redis: Redis) -> None:
    rates.take("ann", 10)

    assert 0 < redis.pttl("easel:bucket:ann") <= 60_000


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(limit=st.integers(1, 30), pauses=st.lists(st.integers(0, 30_000), max_size=40))
def test_no_pattern_gets_more_than_the_rate(rates: Rates, redis: Redis, limit: int, pauses: list[int]) -> None:
    redis.flushall()
    before = redis.time()
    passed = 0
    for pause in pauses:
        passed += rates.take("ann", limit).retry_after is None
        later(redis, "ann", pause)
    after = redis.time()
    minutes = (sum(pauses[:-1]) / 1000 + after[0] - before[0] + (after[1] - before[1]) / 1e6 + 0.001) / 60

    assert passed <= limit + limit * minutes
