"""A job's life in Redis: submit, claim, renew, progress, commit, release, cancel, reap, delete.

Every change is one Lua script, so it happens whole or not at all.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Final

from redis import Redis

from core.errors import IdempotencyMismatch, InvalidRequest
from core.jobs import Job, JobError, Progress, Status
from core.key_names import names_of
from core.media import Artifact
from core.queue import new_ticket, reissue_tickets
from core.store.drain_rate import drain_seconds
from core.store.limits import Limits
from core.store.records import SCHEMA, job_from_hash, pairs, result_fields
from core.store.scripts import Scripts
from core.store.submission import NewGroup, NewJob, Submission, Submitted, SubmittedGroup
from core.store.submit_errors import refusal

EXPECTED_SECONDS: Final = 3600


class Verdict(StrEnum):
    """What the store says to a worker that reports on an attempt."""

    HELD = "held"
    CANCEL = "cancel"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to draw a job, until the lease runs out. `attempt` also counts starts that were handed back."""

    job: Job
    attempt: int


@dataclass(frozen=True, slots=True)
class Page:
    """Jobs, newest first; `cursor` asks for the next page, None at the end."""

    jobs: tuple[Job, ...]
    cursor: int | None


@dataclass(frozen=True, slots=True)
class Reaped:
    """What a round did: `failed` by crashes of their workers, `expired` by their own deadlines."""

    requeued: tuple[str, ...]
    failed: tuple[str, ...]
    canceled: tuple[str, ...]
    expired: tuple[str, ...] = ()


class JobStore:
    """All changes of jobs, each one atomic script; `limits` bound what is kept and how often a job is tried."""

    def __init__(self, redis: Redis, limits: Limits) -> None:
        self._redis = redis
        self._names = names_of(redis)
        self._limits = limits
        self._run = Scripts(redis)

    def submit(self, new: NewJob) -> Submitted:
        """Accept a job, with its ticket, in one call.

        Raises IdempotencyMismatch, Forbidden (the model), QuotaExceeded (the owner's queue or day is full) or
        Unavailable (everybody's queue is).
        """
        answer, replayed = self._accepted(Submission((new,), self._limits, new.id))
        job = self.get(answer)
        if job is None:
            raise IdempotencyMismatch(
                "the job of this Idempotency-Key was deleted; use a new key", param="Idempotency-Key"
            )
        return Submitted(job=job, replayed=replayed)

    def submit_group(self, new: Sequence[NewJob], group: NewGroup) -> SubmittedGroup:
        """Accept all of `new`, jobs of one owner and one queue, or none, in one call.

        Raises what `submit` does, and InvalidRequest for more than may ever wait.
        """
        most = min(self._limits.max_queued, self._limits.max_queued_per_owner)
        if len(new) > most:
            raise InvalidRequest(
                f"{len(new)} jobs are more than the {most} that may wait at once: ask for fewer", param="prompt"
            )
        return SubmittedGroup(*self._accepted(Submission((*new,), self._limits, group.id, group)))

    def _accepted(self, submission: Submission) -> tuple[str, bool]:
        """The id that it is answered with, and whether that was made before."""
        answer: list[Any] = self._run("submit", *submission.arguments(self._redis))
        verdict, first = answer[0].decode(), submission.jobs[0]
        if verdict not in ("accepted", "replayed"):
            seconds = partial(drain_seconds, self._redis, first.queue)
            raise refusal(verdict, answer[1:], first.request.model, seconds, len(submission.jobs))
        return answer[1].decode(), verdict == "replayed"

    def get(self, job_id: str) -> Job | None:
        raw: Any = self._redis.hgetall(self._names("job", job_id))
        return job_from_hash(raw)

    def several(self, job_ids: Sequence[str]) -> tuple[Job | None, ...]:
        """Each of the jobs, None for one that there is not, in one round trip."""
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.hgetall(self._names("job", job_id))
            return tuple(job_from_hash(raw) for raw in pipe.execute())

    def list(self, owner: str, *, before: int | None, limit: int) -> Page:
        """The owner's jobs, newest first, older than cursor `before`."""
        top = "+inf" if before is None else f"({before}"
        rows: Any = self._redis.zrevrangebyscore(
            self._names("jobs", owner), top, "-inf", start=0, num=limit + 1, withscores=True
        )
        found = self.several([job_id.decode() for job_id, _ in rows[:limit]])
        jobs = tuple(job for job in found if job is not None)
        return Page(jobs=jobs, cursor=int(rows[limit - 1][1]) if len(rows) > limit else None)

    def position(self, job: Job) -> int | None:
        """An estimate of the jobs that will start before this one, plus one; None unless it waits."""
        place: Any = self._run("position", job.id)
        return None if place is None else int(place)

    def pending(self, queue: str) -> int:
        count: Any = self._redis.zcard(self._names("pending", queue))
        return int(count)

    def drain_seconds(self, queue: str, places: int = 1) -> int:
        """Seconds until `places` jobs more have left the queue, by its measured pace; 1 to 600."""
        return drain_seconds(self._redis, queue, places)

    def claim(self, queue: str, worker: str, capabilities: Mapping[str, Sequence[str]] | None = None) -> Claim | None:
        """Take the next job of `queue` that `worker` can do, counting an attempt; None if none waits.

        `capabilities` are the tasks that it can do, by model; without them it takes everything.
        """
        document: dict[str, Any] = {
            "queue": queue,
            "worker": worker,
            "lease_ms": self._limits.lease_ms,
            "max_running": self._limits.max_running_per_owner,
            "max_attempts": self._limits.max_attempts,
            "token": secrets.token_hex(8),
            "schema": SCHEMA,
        }
        if capabilities is not None:
            document["capabilities"] = {model: [*tasks] for model, tasks in capabilities.items()}
        answer: Any = self._run("claim", json.dumps(document))
        job = self.get(answer[0].decode()) if answer else None
        return Claim(job=job, attempt=answer[1]) if job else None

    def refill(self, queue: str, slots: int) -> None:
        """Tickets for as many waiting jobs as a worker of `slots` could take: a refused claim has spent its own."""
        wanted = min(slots, self.pending(queue))
        if wanted:
            reissue_tickets(queue, wanted, self._redis)

    def renew(self, held: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Verdict]:
        """Prolong the leases of (job id, attempt) pairs."""
        if not held:
            return {}
        flat = [item for pair in held for item in pair]
        answers: Any = self._run("renew", self._limits.lease_ms, *flat)
        return {pair: Verdict(answer.decode()) for pair, answer in zip(held, answers, strict=True)}

    def progress(self, job_id: str, attempt: int, progress: Progress) -> Verdict:
        answer: Any = self._run("progress", job_id, attempt, progress.stage, progress.step, progress.steps)
        return Verdict(answer.decode())

    def commit(
        self,
        job_id: str,
        attempt: int,
        status: Status,
        *,
        outputs: tuple[Artifact, ...] = (),
        timings: Mapping[str, float] | None = None,
        notes: tuple[str, ...] = (),
        error: JobError | None = None,
    ) -> Status | None:
        """End the job, with its last event and webhook row. Returns the status it ended in, None if the lease is lost.

        The status differs from the one asked for when a cancel was acknowledged before.
        """
        fields = result_fields(outputs, timings or {}, notes, error)
        answer: Any = self._run("commit", job_id, attempt, status, *pairs(fields))
        return None if answer == b"lost" else Status(answer.decode())

    def release(self, job_id: str, attempt: int, queue: str) -> bool:
        """Hand a job back without using an attempt; it keeps its place. False if the lease is lost."""
        ticket = new_ticket(queue, self._redis)
        return bool(
            self._run("release", job_id, attempt, ticket.key, ticket.id, ticket.queue_key, *pairs(ticket.fields))
        )

    def cancel(self, job_id: str) -> Job | None:
        """Ask for an end. A waiting job ends now, a running one before its next step, a finished one stays."""
        return self.get(job_id) if self._run("cancel", job_id) else None

    def reap(self) -> Reaped:
        """End jobs whose deadline is over, and take those from workers whose lease ran out."""
        lists: Any = self._run("reap", self._limits.max_attempts)
        return Reaped(*(tuple(job_id.decode() for job_id in ids) for ids in lists))

    def fail_unserved(
        self, queue: str, *, failed: Mapping[str, str], removed: Collection[str], known: Collection[str]
    ) -> tuple[str, ...]:
        """End the waiting jobs of models that cannot be drawn with; returns their ids.

        `failed` are messages by model; `removed` had a row once; what is not even `known` has a minute to become so.
        """
        document = {"queue": queue, "failed": {**failed}, "removed": sorted(removed), "known": sorted(known)}
        ids: Any = self._run("fail_unserved", json.dumps(document))
        return tuple(job_id.decode() for job_id in ids)

    def delete(self, job_id: str) -> bool | None:
        """True if forgotten, False if it is not finished yet, None if there is no such job."""
        answer: Any = self._run("delete", job_id)
        return None if answer is None else answer == b"deleted"

    def fetched(self, job_id: str, index: int) -> None:
        """Somebody has got picture `index`: what is not to be stored goes when all have been."""
        self._run("fetched", job_id, index)

    def expect(self, job_id: str) -> None:
        """Pictures are about to be stored for a job to be submitted: if it never is, they go within the hour."""
        now: Any = self._redis.time()
        self._redis.zadd(self._names("expiries"), {job_id: (now[0] + EXPECTED_SECONDS) * 1000})

    def postpone(self, job_id: str, seconds: float) -> None:
        """Put the deadline of a job that has one off until `seconds` from now."""
        now: Any = self._redis.time()
        self._redis.zadd(
            self._names("deadlines"), {job_id: round((now[0] + now[1] / 1e6 + seconds) * 1000)}, xx=True, gt=True
        )

    def expired(self, limit: int = 100) -> tuple[str, ...]:
        """Finished jobs whose retention is over."""
        now: Any = self._redis.time()
        ids: Any = self._redis.zrangebyscore(self._names("expiries"), "-inf", now[0] * 1000, start=0, num=limit)
        return tuple(job_id.decode() for job_id in ids)
