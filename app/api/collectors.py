"""What the operator's monitoring reads, in Prometheus's terms.

What lives in Redis is read when it is asked for, so every api process says the same; of itself each knows only how
fast it answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from app.services import Services
from core.store import KeeperHeartbeat
from core.store.counters import Counted, Counters, Histogram


class StoreCollector(Collector):
    """Reads Redis anew at every scrape."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._counters = Counters(services.redis)

    def collect(self) -> Iterator[Metric]:
        yield from self._now()
        yield from _since_the_beginning(self._counters.counted())

    def _now(self) -> Iterator[Metric]:
        waiting = GaugeMetricFamily("easel_queue_jobs", "Jobs that wait.", labels=["queue"])
        oldest = GaugeMetricFamily(
            "easel_queue_oldest_seconds", "How long the job that came first has waited.", labels=["queue"]
        )
        for queue, line in self._counters.lines(self._services.catalog.queues()).items():
            waiting.add_metric([queue], line.waiting)
            oldest.add_metric([queue], line.oldest_seconds)
        workers = GaugeMetricFamily("easel_workers", "Workers that live.", labels=["queue", "device"])
        slots = GaugeMetricFamily("easel_worker_slots", "Jobs that they hold at once.", labels=["queue", "device"])
        kinds: dict[tuple[str, str], list[int]] = {}
        for worker in self._services.workers.alive():
            kinds.setdefault((worker.queue, worker.device), []).append(worker.slots)
        for kind, counts in kinds.items():
            workers.add_metric(kind, len(counts))
            slots.add_metric(kind, sum(counts))
        keeper = KeeperHeartbeat(self._services.redis).is_alive()
        yield from (waiting, oldest, workers, slots)
        yield GaugeMetricFamily("easel_jobs_running", "Jobs that a worker holds.", self._counters.running())
        yield GaugeMetricFamily("easel_webhooks_waiting", "Webhooks to be delivered.", self._counters.undelivered())
        yield GaugeMetricFamily("easel_keeper_up", "Whether the keeper lives: 1 or 0.", float(keeper))


def _since_the_beginning(counted: Counted) -> Iterator[Metric]:
    ended = CounterMetricFamily("easel_jobs", "Jobs that have ended.", labels=["model", "status"])
    for labels, count in counted.jobs.items():
        ended.add_metric(labels, count)
    yield ended
    yield _histogram("easel_job_wait_seconds", "From submission to the first start.", counted.waits)
    yield _histogram("easel_job_run_seconds", "From the first start to success.", counted.runs)
    deliveries = CounterMetricFamily("easel_webhook_attempts", "Attempts to deliver a webhook.", labels=["outcome"])
    for outcome, count in counted.deliveries.items():
        deliveries.add_metric([outcome], count)
    yield deliveries


def _histogram(name: str, words: str, by_model: Mapping[str, Histogram]) -> Metric:
    family = HistogramMetricFamily(name, words, labels=["model"])
    for model, histogram in by_model.items():
        family.add_metric([model], buckets=histogram.cumulative(), sum_value=histogram.sum)
    return family


def registry_of(services: Services) -> CollectorRegistry:
    """A registry of this application alone: nothing is global, so tests and embedders may have several."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StoreCollector(services))
    return registry
