"""Holds the leases of all slots: one thread renews them and brings cancellations back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

from redis import Redis
from redis.client import PubSub
from redis.exceptions import RedisError

from core.key_names import names_of
from core.store import Claim, JobStore, Verdict, WorkerInfo, WorkerRegistry

logger = logging.getLogger(__name__)

RECONNECT_SECONDS: Final = 1.0


class Stop(StrEnum):
    """Why an attempt is stopped: its job was canceled, its lease is lost, or the job is released to other workers."""

    CANCELED = "canceled"
    LOST = "lost"
    RELEASED = "released"


class Hold:
    """An attempt under way here. It is stopped once, for the first reason given, which `stopped` then says."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.stopped: Stop | None = None
        self._on_stop: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    def when_stopped(self, on_stop: Callable[[], None]) -> None:
        """Call `on_stop` when the attempt is stopped, from whatever thread stops it; at once if it is already."""
        with self._lock:
            self._on_stop = on_stop
            late = self.stopped is not None
        if late:
            on_stop()

    def stop(self, reason: Stop) -> None:
        """Stop the attempt, unless it is already."""
        with self._lock:
            if self.stopped is not None:
                return
            self.stopped = reason
            on_stop = self._on_stop
        on_stop()

    def heed(self, verdict: Verdict) -> None:
        """Stop the attempt if the store says so."""
        if verdict is Verdict.CANCEL:
            self.stop(Stop.CANCELED)
        elif verdict is Verdict.LOST:
            self.stop(Stop.LOST)


class Leases(threading.Thread):
    """Renews every `renew_seconds`, listens for cancels in between, and keeps the row of `worker` fresh.

    `describe` brings the row up to date; it is called by any thread.
    """

    def __init__(
        self,
        redis: Redis,
        store: JobStore,
        registry: WorkerRegistry,
        worker: WorkerInfo,
        renew_seconds: float,
        describe: Callable[[WorkerInfo], WorkerInfo] = lambda worker: worker,
    ) -> None:
        super().__init__(name="leases", daemon=True)
        self._redis = redis
        self._store = store
        self._registry = registry
        self._worker = worker
        self._describe = describe
        self._renew_seconds = renew_seconds
        self._holds: dict[tuple[str, int], Hold] = {}
        self._lock = threading.Lock()
        self._leaving = threading.Event()

    @property
    def worker(self) -> WorkerInfo:
        """What this worker is now: what it can do changes with the catalogue and with what it could load."""
        return self._describe(self._worker)

    @contextmanager
    def hold(self, claim: Claim) -> Iterator[Hold]:
        """Keep the lease of `claim` alive inside the block."""
        hold = Hold(claim)
        key = (claim.job.id, claim.attempt)
        with self._lock:
            self._holds[key] = hold
        try:
            yield hold
        finally:
            with self._lock:
                del self._holds[key]

    def others_can_draw_with(self, model: str) -> bool:
        """Whether another living worker of this queue would take a job for `model` now. Raises RedisError."""
        mine = self._worker
        return any(
            other.can_draw_with(model)
            for other in self._registry.alive()
            if other.queue == mine.queue and other.name != mine.name
        )

    def active(self) -> tuple[Hold, ...]:
        """The attempts under way."""
        with self._lock:
            return tuple(self._holds.values())

    def leave(self) -> None:
        """Stop renewing and take the worker's row down."""
        self._leaving.set()
        self.join()
        self._registry.withdraw(self._worker.name)

    def run(self) -> None:
        """The thread's body, until `leave`."""
        while not self._leaving.is_set():
            try:
                with self._redis.pubsub(ignore_subscribe_messages=True) as cancels:  # type: ignore[no-untyped-call]
                    cancels.subscribe(names_of(self._redis)("cancels"))
                    while not self._leaving.is_set():
                        self._renew()
                        self._listen(cancels)
            except RedisError:
                logger.warning("cannot renew leases, trying again", exc_info=True)
                self._leaving.wait(RECONNECT_SECONDS)

    def _renew(self) -> None:
        holds = {(hold.claim.job.id, hold.claim.attempt): hold for hold in self.active()}
        self._registry.announce(self.worker)
        for key, verdict in self._store.renew(list(holds)).items():
            holds[key].heed(verdict)

    def _listen(self, cancels: PubSub) -> None:
        """Until the next renewal is due: a cancel should not have to wait for it."""
        due = time.monotonic() + self._renew_seconds
        while not self._leaving.is_set() and (left := due - time.monotonic()) > 0:
            message = cancels.get_message(timeout=min(left, 0.5))
            if message is not None:
                wanted = message["data"].decode()
                for hold in self.active():
                    if hold.claim.job.id == wanted:
                        hold.stop(Stop.CANCELED)
