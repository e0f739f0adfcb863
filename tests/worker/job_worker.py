"""A worker to test with: the real store, the real engine and tiny models, without the RQ slots."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis

from core.catalog.catalog import Catalog
from core.jobs import GenerationRequest, Job, new_job_id
from core.media import Output
from core.results import ResultStore
from core.store import JobStore, NewJob, WorkerInfo, WorkerRegistry
from core.store.limits import Limits
from tests.worker.engine.drawings import a_request
from worker.contract import Drawing, DrawRequest
from worker.engine.engine import Engine
from worker.leases import Leases
from worker.pipelines.models import Models
from worker.runner import JobRunner


@dataclass
class Worker:
    """A worker whose slot is called by the test: `run` works off one ticket."""

    run: JobRunner
    store: JobStore
    results: ResultStore
    leases: Leases
    submitted: list[Drawing]

    def submit(
        self, model: str = "sd15", *, seeds: tuple[int, ...] = (1, 2), output: Output | None = None, **changes: Any
    ) -> str:
        """A job for as many pictures as there are seeds; its id."""
        request = a_request(model, **{"num_inference_steps": 3, **changes}).request
        return self.submit_request(request.evolve(seeds=seeds, output=output or Output()))

    def submit_request(self, request: GenerationRequest, job_id: str | None = None) -> str:
        new = NewJob(
            id=job_id or new_job_id(), owner="local", queue="default", request=request, webhook_url="http://x.test/"
        )
        return self.store.submit(new).job.id

    def job(self, job_id: str) -> Job:
        job = self.store.get(job_id)
        assert job is not None
        return job


@contextmanager
def running(redis: Redis, catalog: Catalog, folder: Path) -> Iterator[Worker]:
    """Everything of a worker process but the RQ slots; the engine runs beside the test."""
    store = JobStore(redis, Limits())
    results = ResultStore((folder / "results").as_uri())
    info = WorkerInfo(name="w1", queue="default", device="cpu", slots=1)
    leases = Leases(redis, store, WorkerRegistry(redis), info, renew_seconds=0.2)
    engine = Engine(Models(catalog, max_resident=2), preview_seconds=0.1)
    submitted: list[Drawing] = []

    def submit(request: DrawRequest) -> Drawing:
        submitted.append(engine.submit(request))
        return submitted[-1]

    loop = threading.Thread(target=engine.run)
    loop.start()
    leases.start()
    runner = JobRunner(store=store, results=results, leases=leases, submit=submit)
    try:
        yield Worker(runner, store, results, leases, submitted)
    finally:
        leases.leave()
        engine.stop(drain=False)
        loop.join()
