"""Shared secrets: made once, the same for everybody."""

from __future__ import annotations

from redis import Redis

from core.store import Secrets


def test_every_process_gets_the_same_and_every_name_another(redis: Redis) -> None:
    one = Secrets(redis).get("one")

    assert len(one) == 32
    assert Secrets(redis).get("one") == one
    assert Secrets(redis).get("other") != one
