"""Waiting for jobs without a thread or a Redis connection each: one subscription a process wakes everybody.

Messages carry no truth: who is woken reads the store, and every few seconds anyway. They are a job's id and what
happened, as `gen_… progress`, or an owner and what happened to one of theirs, as `key_… marked`.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.concurrency import run_in_threadpool

from core.jobs import TERMINAL_STATUSES, Job
from core.key_names import KeyNames
from core.store import JobStore

logger = logging.getLogger(__name__)

RECHECK_SECONDS: Final = 5.0
RECONNECT_SECONDS: Final = 0.5
PING_SECONDS: Final = 10.0


class JobNotifier:
    """Wakes the waiters of a job when something about it has changed."""

    def __init__(self, url: str, names: KeyNames) -> None:
        self._url = url
        self._names = names
        self._waiters: defaultdict[str, dict[asyncio.Event, bool]] = defaultdict(dict)
        """Of each job or owner, and whether they wait for an end alone."""
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether this process is going down: who waits should answer with what there is."""
        return self._closed

    def close(self) -> None:
        """Wake everybody for the last time. Call it from the event loop."""
        self._closed = True
        self._wake_all()

    @contextmanager
    def listen(self, name: str, *, ends_only: bool = False) -> Iterator[asyncio.Event]:
        """An event that is set when the job changes, or ends; clear it before you read the store, then wait on it.

        `name` is the job's id, or an owner: then it is set when any of their jobs changes, or their key.
        """
        changed = asyncio.Event()
        self._waiters[name][changed] = ends_only
        try:
            yield changed
        finally:
            del self._waiters[name][changed]
            if not self._waiters[name]:
                del self._waiters[name]

    def listeners(self, name: str) -> int:
        """How many listen to the job or the owner."""
        return len(self._waiters.get(name, ()))

    async def wait(self, changed: asyncio.Event, seconds: float) -> None:
        """Until the event is set or it is time to look again, which is not the same time for all who came together."""
        if self._closed:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), min(seconds, RECHECK_SECONDS * random.uniform(0.5, 1.0)))  # noqa: S311

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen to Redis meanwhile, over any number of its restarts; close at the end."""
        subscription = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self.close()
            while not subscription.done():  # once may not do: redis-py swallows a cancel that comes while it connects
                subscription.cancel()
                await asyncio.wait({subscription}, timeout=0.2)

    async def _run(self) -> None:
        while not self._closed:
            try:
                await self._listen()
            except (RedisError, OSError) as error:
                logger.warning("notifications lost Redis, trying again", extra={"reason": type(error).__name__})
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        redis = Redis.from_url(self._url, socket_connect_timeout=2.0, socket_timeout=PING_SECONDS, retry=None)
        async with redis, redis.pubsub() as pubsub:
            await pubsub.subscribe(self._names("changes"))
            while not self._closed:
                message = await pubsub.get_message(timeout=PING_SECONDS)
                if message is None:
                    await pubsub.ping()  # notices a connection that died without a word
                elif message["type"] == "message":
                    self._wake(message["data"].decode())
                elif message["type"] == "subscribe":
                    self._wake_all()  # whatever changed before we listened

    def _wake(self, message: str) -> None:
        name, _, kind = message.partition(" ")
        for changed, ends_only in self._waiters.get(name, {}).items():
            if not ends_only or kind in TERMINAL_STATUSES:
                changed.set()

    def _wake_all(self) -> None:
        for waiters in self._waiters.values():
            for changed in waiters:
                changed.set()


async def until_finished(notifier: JobNotifier, jobs: JobStore, job: Job, seconds: float) -> Job:
    """The job as it is at its end, or after `seconds`."""
    deadline = asyncio.get_running_loop().time() + seconds
    with notifier.listen(job.id, ends_only=True) as changed:
        while True:
            changed.clear()
            fresh = await run_in_threadpool(jobs.get, job.id)
            job = fresh or job
            left = deadline - asyncio.get_running_loop().time()
            if job.is_terminal or left <= 0 or notifier.closed:
                return job
            await notifier.wait(changed, left)
