"""The engine's and the jobs' numbers in Prometheus's terms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

import torch
from prometheus_client import CollectorRegistry, Counter, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from worker.engine.engine import Engine

ROWS: Final = (1, 2, 4, 8, 16, 32)
"""Upper bounds of the buckets for the rows of a forward."""


class EngineCollector(Collector):
    """The engine's numbers, read when they are asked for.

    Labels are models of the catalogue, stages and steps of the memory ladder: few, and none from outside.
    """

    def __init__(self, engine: Engine, device: torch.device) -> None:
        self._engine = engine
        self._device = device

    def collect(self) -> Iterator[Metric]:
        """All of them, as they are now."""
        yield GaugeMetricFamily("easel_engine_drawings", "Pictures under way.", float(self._engine.active))
        yield GaugeMetricFamily("easel_engine_waiting", "Pictures that wait for the engine.", self._engine.waiting)
        yield from self._forwards()
        stats = self._engine.stats
        prompts = CounterMetricFamily("easel_prompts", "Outputs of text encoders.", labels=["from"])
        prompts.add_metric(["encoder"], stats.prompts_encoded)
        prompts.add_metric(["cache"], stats.prompts_reused)
        yield prompts
        ladder = CounterMetricFamily("easel_out_of_memory", "What was done when memory ran out.", labels=["step"])
        for step, count in list(stats.ladder.items()):
            ladder.add_metric([step], count)
        yield ladder
        yield from self._memory()

    def _forwards(self) -> Iterator[Metric]:
        """A histogram's count is the number of forwards, and its sum the number of rows."""
        rows = HistogramMetricFamily("easel_forward_rows", "Rows of one forward.", labels=["model", "stage"])
        by_kind: defaultdict[tuple[str, str], dict[int, int]] = defaultdict(dict)
        for (model, stage, count), times in list(self._engine.stats.forwards.items()):
            by_kind[model, stage][count] = times
        for kind, seen in by_kind.items():
            buckets = [(str(bound), float(sum(t for r, t in seen.items() if r <= bound))) for bound in ROWS]
            buckets.append(("+Inf", float(sum(seen.values()))))
            rows.add_metric(kind, buckets, sum_value=sum(r * t for r, t in seen.items()))
        yield rows
        seconds = CounterMetricFamily(
            "easel_forward_seconds", "Time in forwards; on a GPU in their launches.", labels=["model", "stage"]
        )
        for kind, spent in list(self._engine.stats.seconds.items()):
            seconds.add_metric(kind, spent)
        yield seconds

    def _memory(self) -> Iterator[Metric]:
        """Of a CUDA device; the process's own stands in `process_resident_memory_bytes`."""
        if self._device.type != "cuda":
            return
        memory = GaugeMetricFamily("easel_device_memory_bytes", "Memory of the device.", labels=["kind"])
        memory.add_metric(["allocated"], torch.cuda.memory_allocated(self._device))
        memory.add_metric(["reserved"], torch.cuda.memory_reserved(self._device))
        free, total = torch.cuda.mem_get_info(self._device)
        memory.add_metric(["free"], free)
        memory.add_metric(["total"], total)
        yield memory


STAGE_SECONDS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class JobMetrics:
    """What `worker.observers.Metrics` wants: how many attempts began in this process, and where jobs' time went."""

    def __init__(self) -> None:
        self._starts = Counter("easel_job_starts", "Jobs begun.", ["model", "attempt"], registry=None)
        self._stages = Histogram(
            "easel_job_stage_seconds", "Of jobs that succeeded: time in each stage.", ["model", "stage"],
            registry=None, buckets=STAGE_SECONDS,
        )  # fmt: skip

    def started(self, model: str, attempt: int) -> None:
        """See Metrics."""
        self._starts.labels(model, str(attempt)).inc()

    def succeeded(self, model: str, timings: Mapping[str, float]) -> None:
        """See Metrics."""
        for stage, seconds in timings.items():
            self._stages.labels(model, str(stage)).observe(seconds)

    def register(self, registry: CollectorRegistry) -> None:
        """Offer them at `registry`."""
        registry.register(self._starts)
        registry.register(self._stages)


def registry_of(engine: Engine, device: torch.device, jobs: JobMetrics) -> CollectorRegistry:
    """Everything that a worker shows."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(EngineCollector(engine, device))
    jobs.register(registry)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry
