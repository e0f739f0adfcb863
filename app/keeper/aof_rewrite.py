"""Has Redis write its append-only file anew once something was deleted: until then the file keeps it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Final

from redis import Redis
from redis.exceptions import ResponseError

from core.key_names import names_of

logger = logging.getLogger(__name__)

SMALL_BYTES: Final = 64 * 2**20
LARGE_SECONDS: Final = 3600.0
"""A file that takes a while to write is written once in so long."""


class AofRewriter:
    """One round asks for a rewrite if it is time."""

    def __init__(self, redis: Redis, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._names = names_of(redis)
        self._clock = clock
        self._asked_at: float | None = None
        self._refused = False

    def round(self) -> None:
        count: Any = self._redis.get(self._names("forgotten"))
        if self._refused or count is None or count == self._redis.get(self._names("rewritten")):
            return
        persistence: Any = self._redis.info("persistence")
        if not persistence["aof_enabled"] or persistence["aof_rewrite_in_progress"]:
            return
        recently = self._asked_at is not None and self._clock() - self._asked_at < LARGE_SECONDS
        if persistence["aof_current_size"] > SMALL_BYTES and recently:
            return
        self._asked_at = self._clock()
        try:
            self._redis.bgrewriteaof()
        except ResponseError as error:
            # Those who run this Redis decide when; auto-aof-rewrite-percentage does it in the end.
            logger.warning("Redis does not let the keeper rewrite its file: %s", error)
            self._refused = True
            return
        self._redis.set(self._names("rewritten"), count)
