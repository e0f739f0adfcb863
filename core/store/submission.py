"""What the api submits, and how the script that accepts it is told: one job, or several that are asked for together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from redis import Redis

from core.jobs import GenerationRequest, Job, Priority
from core.queue import new_ticket
from core.store.groups import KEEP_SECONDS, Member
from core.store.limits import Limits
from core.store.records import pairs, request_fields

Value = str | bytes | int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What the api submits. `fingerprint` is of the client's own body, for the idempotency key.

    An owner of `weight` 2 gets twice the share of one with 1; a job fails after `expires_in` seconds.
    `traceparent` is the W3C trace that it belongs to.
    `notes` are what the client ought to know of how it was understood; the worker's come after them.
    What is not to be stored is removed once it was fetched, and ten minutes after its end at the latest.
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
    store: bool = True
    traceparent: str | None = None
    idempotency_key: str | None = None
    fingerprint: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewGroup:
    """Jobs that one `prompt` asks for; the idempotency key and fingerprint are those of the first."""

    id: str
    prompt: str
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job that is accepted; `replayed` if an Idempotency-Key had made it before."""

    job: Job
    replayed: bool


@dataclass(frozen=True, slots=True)
class SubmittedGroup:
    """A group of which all jobs are accepted."""

    id: str
    replayed: bool


@dataclass(frozen=True, slots=True)
class Submission:
    """One call of the script: `jobs` of one owner and one queue, all or none; `answer` is what a replay is told."""

    jobs: tuple[NewJob, ...]
    limits: Limits
    answer: str
    group: NewGroup | None = None

    def arguments(self, redis: Redis) -> list[Value]:
        """Those of submit.lua, with a new ticket for each job."""
        first = self.jobs[0]
        told = [self._told(job, redis) for job in self.jobs]
        key = hashlib.sha256(first.idempotency_key.encode()).hexdigest() if first.idempotency_key else ""
        document: dict[str, Any] = {
            "owner": first.owner,
            "queue": first.queue,
            "idempotency": key,
            "fingerprint": first.fingerprint,
            "answer": self.answer,
            "limits": self.limits.at_submission(),
            "jobs": [job for job, _ in told],
        }
        if self.group is not None:
            document["group"] = {
                "id": self.group.id,
                "prompt": self.group.prompt,
                "members": [member.model_dump() for member in self.group.members],
                "seconds": KEEP_SECONDS,
            }
        return [json.dumps(document), *(value for _, values in told for value in values)]

    def _told(self, new: NewJob, redis: Redis) -> tuple[dict[str, Any], list[Value]]:
        ticket = new_ticket(new.queue, redis)
        ticket_values = pairs(ticket.fields)
        values = pairs(
            request_fields(
                new.request,
                metadata=new.metadata,
                webhook_url=new.webhook_url,
                retention_ms=self.limits.retention_ms,
                priority=new.priority,
                weight=new.weight,
                store=new.store,
                traceparent=new.traceparent,
                notes=new.notes,
            )
        )
        job = {
            "id": new.id,
            "adapters": new.request.adapter_ids,
            "ticket": {"key": ticket.key, "id": ticket.id, "queue_key": ticket.queue_key},
            "ticket_values": len(ticket_values),
            "values": len(values),
        }
        if new.expires_in is not None:
            job["expires_in"] = new.expires_in
        return job, [*ticket_values, *values]
