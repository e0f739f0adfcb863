"""Previews: the latest one, for a moment."""

from __future__ import annotations

from redis import Redis

from core.store import Preview, Previews
from core.store.previews import KEEP_SECONDS


def test_the_latest_replaces_the_one_before_and_leaves_soon(redis: Redis) -> None:
    previews = Previews(redis)
    assert previews.latest("gen_1") is None

    previews.show("gen_1", Preview(jpeg=b"one", step=1, steps=20))
    previews.show("gen_1", Preview(jpeg=b"\xff 2 \x00", step=2, steps=20))

    assert previews.latest("gen_1") == Preview(jpeg=b"\xff 2 \x00", step=2, steps=20)
    assert previews.latest("gen_2") is None
    (key,) = redis.keys("easel:preview:*")
    assert 0 < redis.ttl(key) <= KEEP_SECONDS
