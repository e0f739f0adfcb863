"""Removes jobs whose retention is over: the pictures first, then the record that names them."""

from __future__ import annotations

import logging

from core.results import ResultStore
from core.store import JobStore

logger = logging.getLogger(__name__)


class Expiry:
    """One round works through everything that is due."""

    def __init__(self, jobs: JobStore, results: ResultStore) -> None:
        self._jobs = jobs
        self._results = results

    def round(self) -> None:
        """Pictures first: a record without pictures can be removed later, pictures without a record never."""
        while due := self._jobs.expired():
            for job_id in due:
                self._results.delete_prefix(f"{job_id}/")
                self._jobs.delete(job_id)
            logger.info("%d jobs expired", len(due))
