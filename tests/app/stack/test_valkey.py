"""The embedded Valkey: what it was told is there after its own death."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
from redis import Redis
from redis.exceptions import RedisError

from app.stack.valkey import embedded_valkey


def answers(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except RedisError:
        return False


def test_it_comes_back_with_everything_when_it_is_killed(tmp_path: Path) -> None:
    with embedded_valkey(tmp_path) as url, Redis.from_url(url) as redis:
        # Given something that it acknowledged
        redis.set("kept", "yes")
        first = int(redis.info("server")["process_id"])

        # When it is killed
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while not answers(redis) and time.monotonic() < deadline:
            time.sleep(0.05)

        # Then another one has it
        second = int(redis.info("server")["process_id"])
        assert second != first
        assert redis.get("kept") == b"yes"
    # and that one is stopped like the first would have been
    assert not psutil.pid_exists(second)
