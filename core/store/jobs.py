"""A job's life in Redis: submit, claim, renew, progress, commit, release, cancel, reap, delete.

Every change is one Lua script, so it happens whole or not at all. Knows nothing of HTTP, pixels or webhooks' bodies.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from redis import Redis

from core.errors import EaselError, Forbidden, IdempotencyMismatch, QuotaExceeded, Unavailable
from core.jobs import GenerationRequest, ImageFile, Job, JobError, Priority, Progress, Status
from core.queue import new_ticket
from core.settings import Settings
from core.store.records import job_from_hash, pairs, request_fields, result_fields
from core.store.scripts import Scripts


class Verdict(StrEnum):
    """What the store says to a worker that reports on an attempt."""

    HELD = "held"
    CANCEL = "cancel"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What the api submits. `fingerprint` is of the client's own body, for the idempotency key.

    An owner of `weight` 2 gets twice the share of one with 1; a job fails after `expires_in` seconds.
    """

    id: str
    owner: str
    queue: str
    request: GenerationRequest
    metadata: Mapping[str, str] = field(default_factory=dict)
    webhook_url: str | None = None
    priority: Priority = Priority.NORMAL
    weight: float = 1.0
    expires_in: float | None = None
    idempotency_key: str | None = None
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Submitted:
    job: Job
    replayed: bool


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
    requeued: tuple[str, ...]
    failed: tuple[str, ...]
    canceled: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds that the scripts enforce."""

    max_queued: int = 1000
    max_queued_per_owner: int = 100
    max_running_per_owner: int = 1000
    lease_ms: int = 15_000
    max_attempts: int = 3
    retention_ms: int = 7 * 24 * 3600 * 1000

    @classmethod
    def from_settings(cls, settings: Settings) -> Limits:
        return cls(
            max_queued=settings.max_queued,
            max_queued_per_owner=settings.max_queued_per_key,
            max_running_per_owner=settings.max_running_per_key,
            lease_ms=round(settings.lease_seconds * 1000),
            max_attempts=settings.max_attempts,
            retention_ms=round(settings.retention_hours * 3_600_000),
        )


class JobStore:
    def __init__(self, redis: Redis, limits: Limits) -> None:
        self._redis = redis
        self._limits = limits
        self._run = Scripts(redis)

    def submit(self, new: NewJob) -> Submitted:
        """Accept a job, with its ticket, in one call.

        Raises IdempotencyMismatch, Forbidden (the model), QuotaExceeded (the owner's queue or day is full) or
        Unavailable (everybody's queue is).
        """
        ticket = new_ticket(new.queue, self._redis)
        ticket_values = pairs(ticket.fields)
        fields = request_fields(
            new.request,
            metadata=new.metadata,
            webhook_url=new.webhook_url,
            retention_ms=self._limits.retention_ms,
            priority=new.priority,
            weight=new.weight,
        )
        key = hashlib.sha256(new.idempotency_key.encode()).hexdigest() if new.idempotency_key else ""
        answer: list[Any] = self._run(
            "submit", new.id, new.owner, new.queue, key, new.fingerprint,
            self._limits.max_queued, self._limits.max_queued_per_owner,
            ticket.key, ticket.id, ticket.queue_key, "" if new.expires_in is None else new.expires_in,
            len(ticket_values), *ticket_values, *pairs(fields),
        )  # fmt: skip
        verdict = answer[0].decode()
        if verdict not in ("accepted", "replayed"):
            raise self._refusal(verdict, answer[1:], new)
        job = self.get(answer[1].decode())
        if job is None:
            raise IdempotencyMismatch(
                "the job of this Idempotency-Key was deleted; use a new key", param="Idempotency-Key"
            )
        return Submitted(job=job, replayed=verdict == "replayed")

    def _refusal(self, verdict: str, numbers: list[int], new: NewJob) -> EaselError:
        """What the script's verdict means to the client."""
        if verdict == "mismatch":
            return IdempotencyMismatch(param="Idempotency-Key")
        if verdict == "model":
            return Forbidden(
                f"your API key may not use the model '{new.request.model}'", code="model_not_allowed", param="model"
            )
        if verdict == "owner_full":
            return QuotaExceeded(
                f"you have {numbers[0]} jobs waiting, the limit of your key; try again when some are done",
                retry_after=self.drain_seconds(new.queue),
            )
        if verdict in ("images", "worker_seconds"):
            used, limit, seconds = numbers
            what = "pictures" if verdict == "images" else "seconds of workers"
            return QuotaExceeded(
                f"your key has used {used} of its {limit} {what} of this day, which ends at 0:00 UTC",
                code="quota_exceeded",
                retry_after=seconds,
            )
        return Unavailable(
            f"the queue is full ({numbers[0]} jobs waiting); try again later",
            code="queue_full",
            retry_after=self.drain_seconds(new.queue),
        )

    def get(self, job_id: str) -> Job | None:
        raw: Any = self._redis.hgetall(f"easel:job:{job_id}")
        return job_from_hash(raw)

    def list(self, owner: str, *, before: int | None, limit: int, status: Status | None = None) -> Page:
        """The owner's jobs, newest first, older than cursor `before`. With `status`, pages may be short."""
        top = "+inf" if before is None else f"({before}"
        rows: Any = self._redis.zrevrangebyscore(
            f"easel:jobs:{owner}", top, "-inf", start=0, num=limit + 1, withscores=True
        )
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id, _ in rows[:limit]:
                pipe.hgetall(f"easel:job:{job_id.decode()}")
            found = [job_from_hash(raw) for raw in pipe.execute()]
        jobs = tuple(job for job in found if job is not None and status in (None, job.status))
        return Page(jobs=jobs, cursor=int(rows[limit - 1][1]) if len(rows) > limit else None)

    def position(self, job: Job) -> int | None:
        """An estimate of the jobs that will start before this one, plus one; None unless it waits."""
        place: Any = self._run("position", job.id)
        return None if place is None else int(place)

    def pending(self, queue: str) -> int:
        count: Any = self._redis.zcard(f"easel:pending:{queue}")
        return int(count)

    def drain_seconds(self, queue: str) -> int:
        """Seconds until a place is free, by the pace of the last 50 finished jobs; 1 to 600."""
        finished: Any = self._redis.lrange(f"easel:finished:{queue}", 0, -1)
        if len(finished) < 2:
            return 10
        now: Any = self._redis.time()
        since_oldest: float = now[0] - int(finished[-1]) / 1000
        return max(1, min(600, round(since_oldest / len(finished))))

    def claim(self, queue: str, worker: str) -> Claim | None:
        """Take the next job of `queue` for `worker`, counting an attempt; None if none waits."""
        answer: Any = self._run(
            "claim", queue, worker, self._limits.lease_ms, self._limits.max_running_per_owner,
            self._limits.max_attempts, secrets.token_hex(8),
        )  # fmt: skip
        job = self.get(answer[0].decode()) if answer else None
        return Claim(job=job, attempt=answer[1]) if job else None

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
        images: tuple[ImageFile, ...] = (),
        timings: Mapping[str, float] | None = None,
        notes: tuple[str, ...] = (),
        error: JobError | None = None,
    ) -> Status | None:
        """End the job, with its last event and webhook row. Returns the status it ended in, None if the lease is lost.

        The status differs from the one asked for when a cancel was acknowledged before.
        """
        fields = result_fields(images, timings or {}, notes, error)
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
        """Take jobs from workers whose lease ran out."""
        requeued, failed, canceled = self._run("reap", self._limits.max_attempts)
        return Reaped(*(tuple(job_id.decode() for job_id in ids) for ids in (requeued, failed, canceled)))

    def delete(self, job_id: str) -> bool | None:
        """True if forgotten, False if it is not finished yet, None if there is no such job."""
        answer: Any = self._run("delete", job_id)
        return None if answer is None else answer == b"deleted"

    def expired(self, limit: int = 100) -> tuple[str, ...]:
        """Finished jobs whose retention is over."""
        now: Any = self._redis.time()
        ids: Any = self._redis.zrangebyscore("easel:expiries", "-inf", now[0] * 1000, start=0, num=limit)
        return tuple(job_id.decode() for job_id in ids)
