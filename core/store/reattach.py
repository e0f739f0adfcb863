"""Jobs that a call waits for, by what it asked: a retry finds the job of a call that has gone.

A call holds its job for a while and renews that; it lets go when its client hangs up, and stops renewing when its api
dies. `easel:calls:<owner>:<fingerprint>` zset id -> ms from which a retry may have it. Ends no job.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from redis import Redis

from core.key_names import names_of
from core.store.scripts import Scripts

HOLD_SECONDS: Final = 12.0
"""How long a call is believed to wait after it last said so."""

KEEP_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class Adopted:
    """The job that is now the retry's, if there is one; `held` if somebody waits for an equal one."""

    job_id: str | None
    held: bool


class ReattachRegistry:
    """Which job a call waits for, kept while somebody waits and a little after."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._names = names_of(redis)
        self._run = Scripts(redis)

    def hold(self, owner: str, fingerprint: str, job_id: str, *, first: bool = False) -> None:
        """Somebody waits for it. To be said again before HOLD_SECONDS are over; what was let go stays so."""
        until = self._now() + 1000 * HOLD_SECONDS
        with self._redis.pipeline() as pipe:
            pipe.zadd(self._names("calls", owner, fingerprint), {job_id: until}, xx=not first)
            pipe.expire(self._names("calls", owner, fingerprint), KEEP_SECONDS)
            pipe.execute()

    def leave(self, owner: str, fingerprint: str, job_id: str) -> int:
        """Nobody waits for it any more: a retry may have it at once. Returns what `abandon` must be told."""
        left_at = self._now()
        with self._redis.pipeline() as pipe:
            pipe.zadd(self._names("calls", owner, fingerprint), {job_id: left_at})
            pipe.expire(self._names("calls", owner, fingerprint), KEEP_SECONDS)
            pipe.execute()
        return left_at

    def adopt(self, owner: str, fingerprint: str) -> Adopted:
        """The job that was left first, now the caller's to hold."""
        answer: Any = self._run("adopt_job", self._names("calls", owner, fingerprint), round(1000 * HOLD_SECONDS))
        return Adopted(answer[0].decode() or None, bool(answer[1]))

    def abandon(self, owner: str, fingerprint: str, job_id: str, left_at: int) -> bool:
        """Give up what was left then, whatever the clock says now. False if somebody has had it since."""
        return bool(self._run("abandon_job", self._names("calls", owner, fingerprint), job_id, left_at))

    def done(self, owner: str, fingerprint: str, job_id: str) -> None:
        """The call was answered."""
        self._redis.zrem(self._names("calls", owner, fingerprint), job_id)

    def _now(self) -> int:
        now: Any = self._redis.time()
        return int(now[0] * 1000 + now[1] // 1000)
