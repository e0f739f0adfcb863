"""Whose job a retry finds: that of a call that let go or fell silent, each once, in the order left."""

from __future__ import annotations

import time

import pytest
from redis import Redis

from core.store import Orphans
from core.store.orphans import HOLD_SECONDS, KEEP_SECONDS, Adopted

CALLS = "easel:calls:alice:f"
NOTHING = Adopted(None, held=False)


@pytest.fixture
def orphans(redis: Redis) -> Orphans:
    return Orphans(redis)


def let_time_pass(redis: Redis, seconds: float) -> None:
    for job_id, _ in redis.zscan_iter(CALLS):
        redis.zincrby(CALLS, -1000 * seconds, job_id)


def test_each_is_adopted_once_in_the_order_left(orphans: Orphans, redis: Redis) -> None:
    for job_id in ("gen_b", "gen_a", "gen_c"):
        orphans.leave("alice", "f", job_id)
        let_time_pass(redis, 1)

    assert [orphans.adopt("alice", "f").job_id for _ in range(4)] == ["gen_b", "gen_a", "gen_c", None]
    assert orphans.adopt("alice", "f") == Adopted(None, held=True)


def test_what_was_adopted_in_vain_comes_back(orphans: Orphans, redis: Redis) -> None:
    """As when the reply was lost, or the api died with it."""
    orphans.leave("alice", "f", "gen_a")
    assert orphans.adopt("alice", "f").job_id == "gen_a"
    assert orphans.adopt("alice", "f") == Adopted(None, held=True)
    let_time_pass(redis, HOLD_SECONDS + 0.1)
    assert orphans.adopt("alice", "f").job_id == "gen_a"


def test_nobody_adopts_what_another_left_or_what_was_asked_otherwise(orphans: Orphans) -> None:
    orphans.leave("alice", "f", "gen_a")

    assert orphans.adopt("bob", "f") == NOTHING
    assert orphans.adopt("alice", "g") == NOTHING


def test_what_somebody_waits_for_is_not_adopted(orphans: Orphans, redis: Redis) -> None:
    # Given a call that waits, and says so
    orphans.hold("alice", "f", "gen_a", first=True)
    for _ in range(3):
        let_time_pass(redis, HOLD_SECONDS - 1)
        assert orphans.adopt("alice", "f") == Adopted(None, held=True)
        orphans.hold("alice", "f", "gen_a")

    # When it has fallen silent
    let_time_pass(redis, HOLD_SECONDS + 0.1)

    # Then its job is another's
    assert orphans.adopt("alice", "f").job_id == "gen_a"
    assert orphans.adopt("alice", "f") == Adopted(None, held=True)


def test_what_is_over_is_not_adopted(orphans: Orphans) -> None:
    orphans.hold("alice", "f", "gen_a", first=True)
    orphans.done("alice", "f", "gen_a")
    orphans.hold("alice", "f", "gen_a")  # said late

    assert orphans.adopt("alice", "f") == NOTHING


def test_giving_up_and_adopting_exclude_each_other(orphans: Orphans) -> None:
    left_at = orphans.leave("alice", "f", "gen_a")
    assert orphans.abandon("alice", "f", "gen_a", left_at)
    assert not orphans.abandon("alice", "f", "gen_a", left_at)
    assert orphans.adopt("alice", "f") == NOTHING

    left_at = orphans.leave("alice", "f", "gen_b")
    assert orphans.adopt("alice", "f").job_id == "gen_b"
    assert not orphans.abandon("alice", "f", "gen_b", left_at)


def test_who_came_back_and_left_again_is_waited_for_anew(orphans: Orphans) -> None:
    # Given a job that was left, adopted, and left again just before its first client's time is up
    left_first = orphans.leave("alice", "f", "gen_a")
    assert orphans.adopt("alice", "f").job_id == "gen_a"
    orphans.hold("alice", "f", "gen_a", first=True)
    time.sleep(0.002)  # what was left is known by the millisecond
    left_again = orphans.leave("alice", "f", "gen_a")

    # Then the first one's farewell does not end it
    assert not orphans.abandon("alice", "f", "gen_a", left_first)
    assert orphans.abandon("alice", "f", "gen_a", left_again)


def test_nothing_is_remembered_for_long(orphans: Orphans, redis: Redis) -> None:
    orphans.hold("alice", "f", "gen_a", first=True)
    assert 0 < redis.ttl(CALLS) <= KEEP_SECONDS
