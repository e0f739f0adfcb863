"""Ends waiting jobs that no worker will ever take: their model is gone, or has failed wherever it was tried."""

from __future__ import annotations

import logging
from collections.abc import Callable

from core.catalog.catalog import Catalog
from core.store import JobStore, WorkerInfo, WorkerRegistry

logger = logging.getLogger(__name__)


class Unserved:
    """Looks at what the workers say of themselves. A queue without a living worker keeps its jobs: one may come."""

    def __init__(self, jobs: JobStore, workers: WorkerRegistry, catalog: Callable[[], Catalog]) -> None:
        self._jobs = jobs
        self._workers = workers
        self._catalog = catalog
        self._had: dict[str, set[str]] = {}

    def queues(self) -> tuple[str, ...]:
        """Those of the catalogue, and those that it once had: jobs may wait in them."""
        for model in self._catalog().models:
            self._had.setdefault(model.queue, set()).add(model.id)
        return tuple(self._had)

    def round(self) -> None:
        """Once through all queues."""
        alive, rows = self._workers.alive(), self._catalog().models
        for queue in self.queues():
            workers = [worker for worker in alive if worker.queue == queue]
            served = {model for worker in workers for model in worker.models}
            known = served | {model.id for model in rows if model.queue == queue}
            removed, failed = self._had[queue] - known, failed_everywhere(workers)
            for job_id in self._jobs.fail_unserved(queue, failed=failed, removed=removed, known=known):
                logger.warning("no worker can draw this job, it failed", extra={"job_id": job_id})


def failed_everywhere(workers: list[WorkerInfo]) -> dict[str, str]:
    """What to say of each model that some of `workers` have failed to load and none of them would try now."""
    told = {model: failure.message for worker in workers for model, failure in worker.failed.items()}
    return {
        model: message for model, message in told.items() if not any(worker.can_draw_with(model) for worker in workers)
    }
