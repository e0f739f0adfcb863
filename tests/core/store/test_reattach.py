"""Whose job a retry finds: that of a call that let go or fell silent, each once, in the order left."""

from __future__ import annotations

import time

import pytest
from redis import Redis

from core.store import ReattachRegistry
from core.store.reattach import HOLD_SECONDS, KEEP_SECONDS, Adopted

CALLS = "easel:calls:alice:f"
NOTHING = Adopted(None, held=False)


@pytest.fixture
def reattach(redis: Redis) -> ReattachRegistry:
    return ReattachRegistry(redis)


def let_time_pass(redis: Redis, seconds: float) -> None:
    for job_id, _ in redis.zscan_iter(CALLS):
        redis.zincrby(CALLS, -1000 * seconds, job_id)


def test_each_is_adopted_once_in_the_order_left(reattach: ReattachRegistry, redis: Redis) -> None:
    for job_id in ("gen_b", "gen_a", "gen_c"):
        reattach.leave("alice", "f", job_id)
        let_time_pass(redis, 1)

    assert [reattach.adopt("alice", "f").job_id for _ in range(4)] == ["gen_b", "gen_a", "gen_c", None]
    assert reattach.adopt("alice", "f") == Adopted(None, held=True)


def test_what_was_adopted_in_vain_comes_back(reattach: ReattachRegistry, redis: Redis) -> None:
    """As when the reply was lost, or the api died with it."""
    reattach.leave("alice", "f", "gen_a")
    assert reattach.adopt("alice", "f").job_id == "gen_a"
    assert reattach.adopt("alice", "f") == Adopted(None, held=True)
    let_time_pass(redis, HOLD_SECONDS + 0.1)
    assert reattach.adopt("alice", "f").job_id == "gen_a"


def test_nobody_adopts_what_another_left_or_what_was_asked_otherwise(reattach: ReattachRegistry) -> None:
    reattach.leave("alice", "f", "gen_a")

    assert reattach.adopt("bob", "f") == NOTHING
    assert reattach.adopt("alice", "g") == NOTHING


def test_what_somebody_waits_for_is_not_adopted(reattach: ReattachRegistry, redis: Redis) -> None:
    # Given a call that waits, and says so
    reattach.hold("alice", "f", "gen_a", first=True)
    for _ in range(3):
        let_time_pass(redis, HOLD_SECONDS - 1)
        assert reattach.adopt("alice", "f") == Adopted(None, held=True)
        reattach.hold("alice", "f", "gen_a")

    # When it has fallen silent
    let_time_pass(redis, HOLD_SECONDS + 0.1)

    # Then its job is another's
    assert reattach.adopt("alice", "f").job_id == "gen_a"
    assert reattach.adopt("alice", "f") == Adopted(None, held=True)


def test_what_is_over_is_not_adopted(reattach: ReattachRegistry) -> None:
    reattach.hold("alice", "f", "gen_a", first=True)
    reattach.done("alice", "f", "gen_a")
    reattach.hold("alice", "f", "gen_a")  # said late

    assert reattach.adopt("alice", "f") == NOTHING


def test_giving_up_and_adopting_exclude_each_other(reattach: ReattachRegistry) -> None:
    left_at = reattach.leave("alice", "f", "gen_a")
    assert reattach.abandon("alice", "f", "gen_a", left_at)
    assert not reattach.abandon("alice", "f", "gen_a", left_at)
    assert reattach.adopt("alice", "f") == NOTHING

    left_at = reattach.leave("alice", "f", "gen_b")
    assert reattach.adopt("alice", "f").job_id == "gen_b"
    assert not reattach.abandon("alice", "f", "gen_b", left_at)


def test_who_came_back_and_left_again_is_waited_for_anew(reattach: ReattachRegistry) -> None:
    # Given a job that was left, adopted, and left again just before its first client's time is up
    left_first = reattach.leave("alice", "f", "gen_a")
    assert reattach.adopt("alice", "f").job_id == "gen_a"
    reattach.hold("alice", "f", "gen_a", first=True)
    time.sleep(0.002)  # what was left is known by the millisecond
    left_again = reattach.leave("alice", "f", "gen_a")

    # Then the first one's farewell does not end it
    assert not reattach.abandon("alice", "f", "gen_a", left_first)
    assert reattach.abandon("alice", "f", "gen_a", left_again)


def test_nothing_is_remembered_for_long(reattach: ReattachRegistry, redis: Redis) -> None:
    reattach.hold("alice", "f", "gen_a", first=True)
    assert 0 < redis.ttl(CALLS) <= KEEP_SECONDS
