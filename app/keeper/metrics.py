"""What the keeper has done, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

from core.store import Reaped

BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)


class KeeperMetrics:
    """Counts since this process began; what is owed and due is in the api's /metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        self._rounds = Histogram(
            "easel_keeper_round_seconds", "Rounds.", ["round"], registry=self.registry, buckets=BUCKETS
        )
        self._failures = Counter(
            "easel_keeper_round_failures", "Rounds that failed.", ["round"], registry=self.registry
        )
        self._jobs = Counter(
            "easel_keeper_jobs", "Jobs that the reaper found, by what became of them.", ["outcome"],
            registry=self.registry,
        )  # fmt: skip
        self._attempts = Histogram(
            "easel_webhook_attempt_seconds", "Attempts to deliver a webhook.", ["answer"],
            registry=self.registry, buckets=BUCKETS,
        )  # fmt: skip

    def timed(self, name: str, action: Callable[[], None]) -> Callable[[], None]:
        """`action`, with its rounds counted."""

        def run() -> None:
            began = time.perf_counter()
            try:
                action()
            except Exception:
                self._failures.labels(name).inc()
                raise
            self._rounds.labels(name).observe(time.perf_counter() - began)

        return run

    def reaped(self, reaped: Reaped) -> None:
        for outcome in ("requeued", "failed", "canceled", "expired"):
            self._jobs.labels(outcome).inc(len(getattr(reaped, outcome)))

    def attempted(self, status: int | None, seconds: float) -> None:
        """A delivery was tried: by the class of the answer's status, `none` without an answer."""
        self._attempts.labels("none" if status is None else f"{status // 100}xx").observe(seconds)
