"""What the keeper tells Prometheus."""

from __future__ import annotations

import pytest

from app.keeper.metrics import KeeperMetrics
from core.store import Reaped


def test_rounds_jobs_and_attempts_are_counted() -> None:
    # Given
    metrics = KeeperMetrics()

    def fail() -> None:
        raise ValueError("no")

    # When
    metrics.timed("reaper", lambda: None)()
    with pytest.raises(ValueError, match="no"):
        metrics.timed("expiry", fail)()
    metrics.reaped(Reaped(requeued=("a", "b"), failed=(), canceled=("c",)))
    metrics.attempted(204, 0.1)
    metrics.attempted(None, 15.0)

    # Then
    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(name, labels)

    assert value("easel_keeper_round_seconds_count", round="reaper") == 1
    assert value("easel_keeper_round_failures_total", round="expiry") == 1
    assert value("easel_keeper_round_seconds_count", round="expiry") is None
    assert value("easel_keeper_jobs_total", outcome="requeued") == 2
    assert value("easel_keeper_jobs_total", outcome="failed") == 0
    assert value("easel_webhook_attempt_seconds_count", answer="2xx") == 1
    assert value("easel_webhook_attempt_seconds_sum", answer="none") == 15
