"""The only file that knows RQ: tickets in, tickets out. A ticket carries nothing; it says 'go and claim one'.

Why tickets: measured, RQ alone loses or re-runs jobs when a worker dies. Here a lost ticket is re-issued by the
keeper, a surplus one finds nothing to claim, and the truth stays in the job record.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.exceptions import StopRequested
from rq.job import Job as RQJob
from rq.serializers import JSONSerializer
from rq.timeouts import TimerDeathPenalty
from rq.worker import SimpleWorker

from core.key_names import names_of

logger = logging.getLogger(__name__)

TICKET_FUNCTION: Final = "easel.ticket"
"""Written into tickets for RQ's sake and never imported: a Slot's job class ignores it."""

NO_TIMEOUT: Final = -1
"""Deadlines are ours: RQ's could only interrupt between two bytecodes, and in the wrong thread."""

MAX_REISSUED: Final = 64
"""More than the slots of a worker: jobs that may not start yet need no ticket each, round after round."""

IDLE_SECONDS: Final = 2
"""How long a slot waits for a ticket before it looks whether it should stop."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A prepared RQ job, ready to be written by the Lua script that accepts the work."""

    key: str
    id: str
    queue_key: str
    fields: dict[str, Any]


def rq_queue(name: str, redis: Redis) -> Queue:
    """RQ's queue `name` under the prefix of `redis`; its tickets know no time limit, the lease has one."""
    return Queue(
        f"{names_of(redis).prefix}-{name}", connection=redis, serializer=JSONSerializer, default_timeout=NO_TIMEOUT
    )


def new_ticket(queue: str, redis: Redis) -> Ticket:
    """A ticket for `queue`; nothing is written to Redis here."""
    target = rq_queue(queue, redis)
    job = TicketJob.create(
        TICKET_FUNCTION,
        connection=redis,
        id=secrets.token_hex(12),
        origin=target.name,
        timeout=NO_TIMEOUT,
        result_ttl=0,
        failure_ttl=60,
        description="ticket",
        serializer=JSONSerializer,
    )
    fields = {**job.to_dict(include_meta=False), "status": "queued"}
    return Ticket(key=job.key, id=job.id, queue_key=target.key, fields=fields)


def reissue_tickets(queue: str, pending: int, redis: Redis) -> int:
    """Bring the tickets of `queue` up to `pending` jobs, by 64 at most; returns how many. A surplus is harmless."""
    missing = min(MAX_REISSUED, max(0, pending - rq_queue(queue, redis).count))
    for _ in range(missing):
        ticket = new_ticket(queue, redis)
        with redis.pipeline() as pipe:
            pipe.hset(ticket.key, mapping=dict(ticket.fields.items()))
            pipe.sadd("rq:queues", ticket.queue_key)
            pipe.rpush(ticket.queue_key, ticket.id)
            pipe.execute()
    return missing


class TicketJob(RQJob):
    """An RQ job that heeds nothing of what its record says: what runs was fixed when the slot was made.

    RQ would import the function and callbacks that the record names, and call its webhooks' URLs from the worker.
    """

    work: Callable[[], None]

    def perform(self) -> None:
        self.work()

    @property
    def success_callback(self) -> None:
        return None

    @property
    def failure_callback(self) -> None:
        return None

    @property
    def stopped_callback(self) -> None:
        return None

    def send_webhooks(self, status: str, *, exc_string: str | None = None) -> None:
        """None are sent."""


class Slot(SimpleWorker):
    """One RQ worker in a side thread: takes a ticket, calls `work`, and again, until `stop`.

    Differs from SimpleWorker in what a thread must not do: install signal handlers or listen for commands.
    """

    death_penalty_class = TimerDeathPenalty

    def __init__(self, queue: str, redis: Redis, work: Callable[[], None], stopping: threading.Event) -> None:
        super().__init__(
            [rq_queue(queue, redis)],
            connection=redis,
            job_class=TicketJob,
            serializer=JSONSerializer,
            worker_ttl=IDLE_SECONDS + 15,
            maintenance_interval=60,
            log_job_description=False,
        )
        self._work = work
        self._stopping = stopping

    def _install_signal_handlers(self) -> None:
        """Signals belong to the main thread."""

    def subscribe(self) -> None:
        """RQ's remote commands would cost a thread and a connection a slot, and stop nothing."""

    def unsubscribe(self) -> None:
        """See subscribe."""

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:  # noqa: ANN401 - RQ's own
        """RQ calls this before it waits for a ticket: the moment at which to leave."""
        if self._stopping.is_set() and pipeline is None:
            raise StopRequested
        super().heartbeat(timeout, pipeline)

    def execute_job(self, job: RQJob, queue: Queue) -> None:
        assert isinstance(job, TicketJob)  # noqa: S101 - job_class says so
        job.work = self._work
        super().execute_job(job, queue)


def run_slot(queue: str, redis: Redis, work: Callable[[], None], stopping: threading.Event) -> None:
    """Serve `queue` until `stopping` is set. RQ ends its loop on any Redis trouble; this begins it again."""
    while not stopping.is_set():
        try:
            Slot(queue, redis, work, stopping).work(logging_level="WARNING")
        except RedisError:
            logger.warning("slot lost Redis, trying again", exc_info=True)
        stopping.wait(0.5)
