"""Which workers live and what they serve: a row each that expires unless refreshed."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field
from redis import Redis

from core.catalog.model_failure import ModelFailure
from core.key_names import names_of
from core.record import Record

TTL_SECONDS: Final = 15


class WorkerInfo(Record):
    """What a worker says of itself; `capabilities` are the tasks that it can do now, by model: None for everything.

    `models` are those that it serves; of these some are `loaded`, one may be `loading`, and some have `failed`: they
    are not among the capabilities until they may be tried again. `backends` is what computes those that are loaded.
    """

    name: str
    queue: str
    device: str
    slots: int
    models: tuple[str, ...] = ()
    capabilities: dict[str, tuple[str, ...]] | None = None
    loaded: tuple[str, ...] = ()
    loading: str | None = None
    failed: dict[str, ModelFailure] = Field(default={})
    backends: dict[str, str] = Field(default={})

    def can_draw_with(self, model: str) -> bool:
        """Whether it would take a job for that model now."""
        return self.capabilities is None or model in self.capabilities


class WorkerRegistry:
    """The living workers' rows."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._names = names_of(redis)

    def announce(self, worker: WorkerInfo) -> None:
        self._redis.set(self._names("worker", worker.name), worker.model_dump_json(), ex=TTL_SECONDS)
        self._redis.sadd(self._names("workers"), worker.name)

    def withdraw(self, name: str) -> None:
        self._redis.delete(self._names("worker", name))
        self._redis.srem(self._names("workers"), name)

    def alive(self) -> tuple[WorkerInfo, ...]:
        """The workers that announced themselves within the last 15 seconds; the others are forgotten."""
        members: Any = self._redis.smembers(self._names("workers"))
        names = sorted(name.decode() for name in members)
        if not names:
            return ()
        rows: Any = self._redis.mget([self._names("worker", name) for name in names])
        gone = [name for name, row in zip(names, rows, strict=True) if row is None]
        if gone:
            self._redis.srem(self._names("workers"), *gone)
        return tuple(WorkerInfo.model_validate_json(row) for row in rows if row is not None)
