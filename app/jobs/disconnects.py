"""Clients that wait for a job on an open connection: what happens when they disconnect."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from anyio import CancelScope
from fastapi import Request
from redis.exceptions import RedisError
from starlette.concurrency import run_in_threadpool

from app.jobs.notifications import JobNotifier, until_finished
from core.errors import Unavailable
from core.jobs import Job
from core.store import JobStore, NewJob, ReattachRegistry
from core.store.reattach import HOLD_SECONDS

logger = logging.getLogger(__name__)

MAX_WAIT_SECONDS: Final = 3600.0
ADOPT_SECONDS: Final = HOLD_SECONDS + 1.0
"""A retry may be here before its first try is known to be gone, and an api that died cannot say so."""


class ClientDisconnected(Exception):
    """Nobody is there any more to be answered."""


class DisconnectPolicy:
    """Waits for jobs on behalf of clients, and cancels the jobs of those that left and did not come back."""

    def __init__(self, notifier: JobNotifier, jobs: JobStore, reattach: ReattachRegistry, grace_seconds: float) -> None:
        self._notifier = notifier
        self._jobs = jobs
        self._reattach = reattach
        self._grace_seconds = grace_seconds
        self._cancellations: set[asyncio.Task[None]] = set()

    async def adopt(self, new: NewJob) -> Job | None:
        """The unfinished business of a client that tries again. Waits a while for one that may yet turn out to be."""
        clock = asyncio.get_running_loop().time
        give_up = clock() + ADOPT_SECONDS
        while True:
            found = await run_in_threadpool(self._reattach.adopt, new.owner, new.fingerprint)
            if found.job_id is not None:
                return await run_in_threadpool(self._jobs.get, found.job_id)
            if not found.held or clock() > give_up or self._notifier.closed:
                return None
            await asyncio.sleep(0.2)

    @asynccontextmanager
    async def submitting(self, new: NewJob) -> AsyncIterator[None]:
        """Say that somebody waits for `new` before there is such a job: a retry may overtake its first try."""
        if new.idempotency_key is None:
            with suppress(RedisError):
                await run_in_threadpool(self._reattach.hold, new.owner, new.fingerprint, new.id, first=True)
        try:
            yield
        except Exception:
            await self.answered(new, new.id)
            raise

    @asynccontextmanager
    async def holding(self, new: NewJob, job: Job) -> AsyncIterator[None]:
        """Say that somebody waits for `job`, for as long as the block lasts. With an idempotency key, that finds it."""
        if new.idempotency_key is not None:
            yield
            return
        over = asyncio.Event()
        saying = asyncio.ensure_future(self._hold(new, job, over))
        try:
            yield
        finally:
            # What it says late would undo what is said next, and no cancel reaches the thread that is saying it.
            over.set()
            with CancelScope(shield=True):
                await asyncio.wait({saying})

    async def _hold(self, new: NewJob, job: Job, over: asyncio.Event) -> None:
        first = True
        while not over.is_set():
            with suppress(RedisError):
                await run_in_threadpool(self._reattach.hold, new.owner, new.fingerprint, job.id, first=first)
                first = False
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), HOLD_SECONDS / 2.5)

    async def answered(self, new: NewJob, job_id: str) -> None:
        """Nobody need come back for it."""
        with suppress(RedisError):
            await run_in_threadpool(self._reattach.done, new.owner, new.fingerprint, job_id)

    async def wait(self, request: Request, new: NewJob, job: Job) -> Job:
        """The job at its end.

        Raises ClientDisconnected, and Unavailable when we have to stop waiting; a retry finds the job.
        """
        waiting = asyncio.ensure_future(until_finished(self._notifier, self._jobs, job, MAX_WAIT_SECONDS))
        leaving = asyncio.ensure_future(_disconnected(request))
        try:
            async with self.holding(new, job):
                await asyncio.wait({waiting, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not waiting.done() or waiting.exception() is not None:
                waiting.cancel()
                self.left(new, job)
        if not waiting.done():
            raise ClientDisconnected
        ended = waiting.result()
        if not ended.is_terminal:
            await run_in_threadpool(self._reattach.leave, new.owner, new.fingerprint, job.id)
            raise Unavailable(
                "the api stops waiting for the picture; ask again and get the same one", code="try_again", retry_after=1
            )
        await self.answered(new, job.id)
        return ended

    def left(self, new: NewJob, job: Job) -> None:
        """The client is gone: keep its job for a while, in case it comes back, then cancel it.

        A job that reports to a webhook or has an idempotency key goes on: its owner can get at the result without us.
        """
        if new.idempotency_key is None:
            cancellation = asyncio.get_running_loop().create_task(self._wait_then_cancel(new, job))
            self._cancellations.add(cancellation)
            cancellation.add_done_callback(self._cancellations.discard)

    async def _wait_then_cancel(self, new: NewJob, job: Job) -> None:
        call = (new.owner, new.fingerprint, job.id)
        try:
            left_at = await run_in_threadpool(self._reattach.leave, *call)
            if new.webhook_url is not None:
                return
            await asyncio.sleep(self._grace_seconds)
            if await run_in_threadpool(self._reattach.abandon, *call, left_at):
                await run_in_threadpool(self._jobs.cancel, job.id)
                logger.info("client disconnected, generation canceled", extra={"job_id": job.id})
        except RedisError:
            logger.warning("client disconnected, generation goes on: Redis is away", extra={"job_id": job.id})


async def _disconnected(request: Request) -> None:
    """Return once the client has closed the connection; its body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
