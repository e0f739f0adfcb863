"""How much of the engine's speed is left behind HTTP, queue and files: `python -m benchmarks.service`.

Starts the real stack (`easel up`), measures the bare engine on the same mix of requests first, then drives the HTTP
API with an open loop: requests arrive by a Poisson process whether or not earlier ones are done. Knows the public API
and nothing of its inside.

Three figures come out: the throughput under more load than there is speed, over that of one engine with all cores; the
latency of jobs at 70 % load; and the latency of the api's answers meanwhile. Quote the ratios: both sides run on the
same machine in the same minute. Several workers that share the cores may draw more than the one engine: `--workers 1`
tells what HTTP, queue and files cost.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
import torch

from app.stack.up import running_stack
from app.stack.worker_count import count_workers
from benchmarks import server_processes
from benchmarks.charts import service_chart
from benchmarks.checkpoints import bundled
from benchmarks.load import Load, percentile
from benchmarks.mix import requests_of
from benchmarks.workloads import words_to_image
from core.catalog.catalog import Catalog
from core.settings import Settings
from worker.allocator import keep_freed_memory
from worker.contract import Canceled, DrawRequest, Failed, Finished
from worker.engine.engine import Engine
from worker.engine.warmup import warm_up
from worker.gil import shorten_switch_interval
from worker.pipelines.models import Models

RESULTS: Final = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Report:
    """The figures of one run. Latencies are seconds; `cores` is what each process kept busy under overload."""

    model: str
    threads: int
    workers: int
    engine_images_per_s: float
    service_images_per_s: float
    service_over_engine: float
    job_p50_at_70: float
    job_p95_at_70: float
    solo_latency: float
    status_p50_under_load: float
    status_p99_under_load: float
    submit_p99_under_load: float
    failed: int
    cores: dict[str, float]


def engine_speed(settings: Settings, bodies: Sequence[dict[str, Any]], in_flight: int) -> float:
    """Images a second of the engine alone, with `in_flight` requests at any time, on the main thread."""
    catalog = Catalog.load(settings.catalog)
    model = catalog.model(None)
    models = Models(catalog)
    models.preload([model.id])
    engine = Engine(models)
    warm_up(engine, model)  # as the worker does
    seconds: list[float] = []

    def draw(body: dict[str, Any]) -> None:
        events = engine.submit(draw_request(model.id, model.size.width, body)).events
        while not isinstance(event := events.get(), Finished):
            if isinstance(event, Failed | Canceled):
                raise RuntimeError(f"the engine could not draw: {event}")

    def feed() -> None:
        try:
            with ThreadPoolExecutor(in_flight) as clients:
                began = time.perf_counter()
                list(clients.map(draw, bodies))
                seconds.append(time.perf_counter() - began)
        finally:
            engine.stop()

    feeder = threading.Thread(target=feed)
    feeder.start()
    engine.run()
    feeder.join()
    return len(bodies) / seconds[0]


def draw_request(model: str, side: int, body: dict[str, Any]) -> DrawRequest:
    """The request that the api makes of `body`."""
    return words_to_image(model, width=side, height=side, **body)


def cpu_seconds() -> dict[str, float]:
    """What this process and those that it started have used so far, by what they are."""
    seconds = {"load": sum(psutil.Process().cpu_times()[:2])}
    for name, used in server_processes.cpu_seconds().values():
        seconds[name] = seconds.get(name, 0.0) + used
    return seconds


async def drive(url: str, count: int, engine_speed_: float) -> tuple[float, Load, Load, float, dict[str, float]]:
    """Throughput under overload, the two loads' records, the latency of one job alone, and busy cores by process."""
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as client:
        warm = Load(client)
        for body in requests_of(3, seed=1):
            await warm.one(body)
        overload, steady = Load(client), Load(client)
        before = cpu_seconds()
        began = time.perf_counter()
        seconds = await overload.run(requests_of(count, seed=2), rate=3 * engine_speed_, seed=3)
        passed = time.perf_counter() - began
        cores = {name: round((used - before.get(name, 0.0)) / passed, 2) for name, used in cpu_seconds().items()}
        await steady.run(requests_of(count, seed=4), rate=0.7 * engine_speed_, seed=5)
        return count / seconds, overload, steady, statistics.median(warm.latencies), cores


def main() -> None:
    """Print a table and one JSON line, and leave a chart in benchmarks/results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=60, help="requests of each phase")
    parser.add_argument("--port", type=int, default=8199)
    parser.add_argument("--threads", type=int, help="of torch, on both sides; fewer than cores leave some to the rest")
    parser.add_argument("--workers", type=int, help="of the service; else as many as `easel up` starts here")
    parser.add_argument("--chart", type=Path, default=RESULTS / "service.png", help="where the chart goes")
    options = parser.parse_args()
    if options.workers:
        os.environ["EASEL_WORKERS"] = str(options.workers)
    if options.threads:
        torch.set_num_threads(options.threads)
        os.environ["EASEL_TORCH_THREADS"] = str(options.threads)
    keep_freed_memory()  # as the worker does
    shorten_switch_interval()
    # All of an overload may wait: what is measured is the speed, not the refusals.
    os.environ |= dict.fromkeys(("EASEL_MAX_QUEUED", "EASEL_MAX_QUEUED_PER_KEY"), str(options.count + 1))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["EASEL_CATALOG"] = str(bundled(Path(folder)).catalog)  # the mix has guidance and many steps
        settings = Settings.read(port=options.port, data_dir=Path(folder))
        catalog = Catalog.load(settings.catalog)
        alone = engine_speed(settings, requests_of(options.count, seed=2), settings.slots)
        with running_stack(settings) as stack:
            stack.wait_ready()
            speed, overload, steady, solo, cores = asyncio.run(drive(stack.url, options.count, alone))
    status = overload.status + steady.status
    report = Report(
        model=catalog.default,
        threads=torch.get_num_threads(),
        workers=count_workers(settings, catalog),
        engine_images_per_s=round(alone, 3),
        service_images_per_s=round(speed, 3),
        service_over_engine=round(speed / alone, 3),
        job_p50_at_70=round(percentile(steady.latencies, 50), 2),
        job_p95_at_70=round(percentile(steady.latencies, 95), 2),
        solo_latency=round(solo, 2),
        status_p50_under_load=round(percentile(status, 50), 4),
        status_p99_under_load=round(percentile(status, 99), 4),
        submit_p99_under_load=round(percentile(overload.submit + steady.submit, 99), 4),
        failed=overload.failed + steady.failed,
        cores=cores,
    )
    for name, value in asdict(report).items():
        print(f"{name:24} {value}")
    print(json.dumps(asdict(report)))
    service_chart(steady.latencies, report.service_over_engine, options.chart)


if __name__ == "__main__":
    main()
