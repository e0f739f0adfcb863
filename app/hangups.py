"""Clients that wait for a job on an open connection: what happens when they hang up. Knows no wire format."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from fastapi import Request
from redis.exceptions import RedisError
from starlette.concurrency import run_in_threadpool

from app.waiting import Bell, until_finished
from core.errors import Unavailable
from core.jobs import Job
from core.store import JobStore, NewJob, Orphans

logger = logging.getLogger(__name__)

MAX_WAIT_SECONDS: Final = 3600.0


class HungUp(Exception):
    """Nobody is there any more to be answered."""


class Hangups:
    """Waits for jobs on behalf of clients, and cancels the jobs of those that left and did not come back."""

    def __init__(self, bell: Bell, jobs: JobStore, orphans: Orphans, grace_seconds: float) -> None:
        self._bell = bell
        self._jobs = jobs
        self._orphans = orphans
        self._grace_seconds = grace_seconds
        self._farewells: set[asyncio.Task[None]] = set()

    def adopt(self, new: NewJob) -> Job | None:
        """The unfinished business of a client that tries again after it hung up."""
        job_id = self._orphans.adopt(new.owner, new.fingerprint)
        return self._jobs.get(job_id) if job_id else None

    async def wait(self, request: Request, new: NewJob, job: Job) -> Job:
        """The job at its end. Raises HungUp, and Unavailable when we have to stop waiting; a retry finds the job."""
        waiting = asyncio.ensure_future(until_finished(self._bell, self._jobs, job, MAX_WAIT_SECONDS))
        leaving = asyncio.ensure_future(_hang_up(request))
        try:
            await asyncio.wait({waiting, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not waiting.done() or waiting.exception() is not None:
                waiting.cancel()
                self.left(new, job)
        if not waiting.done():
            raise HungUp
        ended = waiting.result()
        if not ended.status.is_terminal:
            await run_in_threadpool(self._orphans.leave, new.owner, new.fingerprint, job.id)
            raise Unavailable(
                "the api stops waiting for the picture; ask again and get the same one", code="try_again", retry_after=1
            )
        return ended

    def left(self, new: NewJob, job: Job) -> None:
        """The client is gone: keep its job for a while, in case it comes back, then cancel it.

        A job that reports to a webhook or has an idempotency key goes on: its owner can get at the result without us.
        """
        if new.webhook_url is None and new.idempotency_key is None:
            farewell = asyncio.get_running_loop().create_task(self._wait_then_cancel(new, job))
            self._farewells.add(farewell)
            farewell.add_done_callback(self._farewells.discard)

    async def _wait_then_cancel(self, new: NewJob, job: Job) -> None:
        left = (new.owner, new.fingerprint, job.id)
        try:
            await run_in_threadpool(self._orphans.leave, *left)
            await asyncio.sleep(self._grace_seconds)
            if await run_in_threadpool(self._orphans.abandon, *left):
                await run_in_threadpool(self._jobs.cancel, job.id)
                logger.info("client hung up, generation canceled", extra={"job_id": job.id})
        except RedisError:
            logger.warning("client hung up, generation goes on: Redis is away", extra={"job_id": job.id})


async def _hang_up(request: Request) -> None:
    """Return once the client has closed the connection; its body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
