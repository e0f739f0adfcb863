"""Jobs that a client left: adopted once, by whoever asks for the same, or given up."""

from __future__ import annotations

from redis import Redis

from core.store import Orphans


def test_each_is_adopted_once_in_the_order_left(redis: Redis) -> None:
    orphans = Orphans(redis)
    orphans.leave("ann", "apple", "gen_1")
    orphans.leave("ann", "apple", "gen_2")
    orphans.leave("ann", "apple", "gen_1")

    assert [orphans.adopt("ann", "apple") for _ in range(3)] == ["gen_2", "gen_1", None]


def test_nobody_adopts_what_another_left_or_what_was_asked_otherwise(redis: Redis) -> None:
    orphans = Orphans(redis)
    orphans.leave("ann", "apple", "gen_1")

    assert orphans.adopt("bob", "apple") is None
    assert orphans.adopt("ann", "pear") is None


def test_giving_up_and_adopting_exclude_each_other(redis: Redis) -> None:
    orphans = Orphans(redis)
    orphans.leave("ann", "apple", "gen_1")
    assert orphans.abandon("ann", "apple", "gen_1") is True
    assert orphans.adopt("ann", "apple") is None

    orphans.leave("ann", "apple", "gen_2")
    assert orphans.adopt("ann", "apple") == "gen_2"
    assert orphans.abandon("ann", "apple", "gen_2") is False
