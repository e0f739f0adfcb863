"""Who is told of the jobs that run here, beside their own records: metrics, traces, previews, the watchdog."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from core.store import Previews
from core.telemetry import Telemetry


class Metrics(Protocol):
    """Counts what this process does."""

    def started(self, model: str, attempt: int) -> None:
        """The attempt of that number, at a job for `model`, begins."""

    def succeeded(self, model: str, timings: Mapping[str, float]) -> None:
        """A job for `model` succeeded; `timings` are seconds by stage."""


class NullMetrics:
    """Metrics that count nothing."""

    def started(self, model: str, attempt: int) -> None:
        """See Metrics."""

    def succeeded(self, model: str, timings: Mapping[str, float]) -> None:
        """See Metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observers:
    """Each of them may be left out. `on_activity` is called, from any thread, whenever the engine tells anything."""

    on_activity: Callable[[], None] = lambda: None
    previews: Previews | None = None
    telemetry: Telemetry = field(default_factory=Telemetry)
    metrics: Metrics = field(default_factory=NullMetrics)
