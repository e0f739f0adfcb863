"""Takes jobs from dead workers and replaces lost tickets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from redis import Redis

from core.queue import reissue_tickets
from core.store import JobStore, Reaped

logger = logging.getLogger(__name__)


class Reaper:
    """One round brings every job whose worker is gone back into its queue, or to its end."""

    def __init__(self, jobs: JobStore, redis: Redis, queues: Callable[[], Sequence[str]]) -> None:
        self._jobs = jobs
        self._redis = redis
        self._queues = queues

    def round(self) -> Reaped:
        reaped = self._jobs.reap()
        for job_id in reaped.requeued:
            logger.warning("worker gone, job queued again", extra={"job_id": job_id})
        for job_id in reaped.failed:
            logger.error("workers keep dying of this job, it failed", extra={"job_id": job_id})
        for job_id in reaped.expired:
            logger.info("job not done in its time, it failed", extra={"job_id": job_id})
        for job_id in reaped.canceled:
            logger.info("worker gone, job canceled as asked", extra={"job_id": job_id})
        for queue in self._queues():
            missing = reissue_tickets(queue, self._jobs.pending(queue), self._redis)
            if missing:
                logger.info("%d tickets re-issued for queue %s", missing, queue)
        return reaped
