"""A call that takes several jobs, one pass after the other: waits for them, and leaves none behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from anyio import to_thread
from fastapi import Request
from starlette.concurrency import run_in_threadpool

from app.http.validation import named_as
from app.jobs.outcome import failure_of
from app.jobs.request import JobRequest, fingerprint_of
from app.jobs.sources import OpenFiles
from app.services import Services
from app.wires.a1111.labels import labelled
from core.errors import EaselError
from core.jobs import Job, Status
from core.store import NewJob

Make = Callable[[OpenFiles], Sequence[JobRequest]]

Begun = tuple[NewJob, Job]

NO_NAMES: Final[Mapping[str, str]] = {}


class PassCanceled(Exception):
    """Somebody has canceled `job`, or interrupted the call: what it was for is off."""

    def __init__(self, job: Job) -> None:
        super().__init__(job.id)
        self.job = job


class Passes:
    """The jobs of one call, `parts` of them in all, each told by its number."""

    def __init__(self, request: Request, services: Services, owner: str, parts: int) -> None:
        self._request = request
        self._services = services
        self._owner = owner
        self._parts = parts
        self._made = 0
        self._interruptions: int | None = None

    async def run(self, make: Make, names: Mapping[str, str] = NO_NAMES) -> list[Job]:
        """Submit what `make` makes, all at once, and wait for all; `names` are this wire's for what is wrong.

        Raises ClientDisconnected, PassCanceled, the failure of a job, or what keeps one from being submitted. Then
        none of them goes on: those of a client that hung up are canceled as any other's.
        """
        begun = await to_thread.run_sync(self._begin, make, names, limiter=self._services.decoder_limiter)
        ended: list[Job] = []
        try:
            for new, job in begun:
                done = await self._services.disconnects.wait(self._request, new, job)
                if done.status is Status.CANCELED:
                    raise PassCanceled(done)
                if done.status is Status.FAILED:
                    raise failure_of(done)
                ended.append(done)
        except (EaselError, PassCanceled):
            await run_in_threadpool(self._cancel, begun)
            raise
        except BaseException:
            for each in begun[len(ended) + 1 :]:  # that before them was being waited for, and is left already
                self._services.disconnects.left(*each)
            raise
        return ended

    def _begin(self, make: Make, names: Mapping[str, str]) -> list[Begun]:
        if self._interruptions is None:
            self._interruptions = self._services.interruptions.count(self._owner)
        begun: list[Begun] = []
        try:
            with named_as(names), self._services.sources.opening(self._owner) as opening:
                for wanted in make(opening):
                    begun.append(self._submit(wanted))
        except BaseException:
            self._cancel(begun)
            raise
        if begun and self._services.interruptions.count(self._owner) != self._interruptions:
            # It may have come between two passes, when there was no job that it could cancel.
            self._cancel(begun)
            raise PassCanceled(begun[0][1])
        return begun

    def _submit(self, wanted: JobRequest) -> Begun:
        labels = labelled(self._made, self._parts)
        call = fingerprint_of("pass", {"of": wanted.fingerprint, **labels})
        prepared = self._services.submissions.prepare(replace(wanted, metadata=labels, fingerprint=call), self._owner)
        self._made += 1
        return prepared.new, self._services.submissions.submit(prepared).job

    def _cancel(self, begun: Sequence[Begun]) -> None:
        for _, job in begun:
            self._services.jobs.cancel(job.id)
