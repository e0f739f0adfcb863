"""Jobs that no worker will take come to their end, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from app.keeper.unserved import Unserved
from core.catalog.model_failure import ModelFailure
from core.catalog.watched import WatchedCatalog
from core.jobs import Job
from core.store import JobStore, WorkerInfo, WorkerRegistry
from tests.core.samples import QUEUE, new_job


@pytest.fixture
def catalog(tmp_path: Path) -> WatchedCatalog:
    return write(tmp_path, new_job().request.model)


def write(folder: Path, *ids: str) -> WatchedCatalog:
    path = folder / "catalog.toml"
    path.write_text("".join(f'["{name}"]\nsource = "x"\nqueue = "{QUEUE}"\n' for name in ids))
    return WatchedCatalog(path, every=0)


def worker(name: str, model: str, *, fails: bool) -> WorkerInfo:
    failure = ModelFailure(message="it does not fit", reason="41 GB", since=1.0)
    return WorkerInfo(
        name=name,
        queue=QUEUE,
        device="cpu",
        slots=1,
        models=(model,),
        capabilities={} if fails else {model: ("text-to-image",)},
        failed={model: failure} if fails else {},
    )


def seen(jobs: JobStore, job: Job) -> tuple[str, str | None]:
    found = jobs.get(job.id)
    assert found is not None
    return str(found.status), found.error.code if found.error else None


def test_a_job_waits_while_one_worker_can_and_ends_when_none_can(
    jobs: JobStore, redis: Redis, catalog: WatchedCatalog
) -> None:
    registry = WorkerRegistry(redis)
    unserved, job = Unserved(jobs, registry, catalog.current), jobs.submit(new_job()).job
    unserved.round()
    assert seen(jobs, job) == ("queued", None)

    registry.announce(worker("w1", job.request.model, fails=True))
    registry.announce(worker("w2", job.request.model, fails=False))
    unserved.round()
    assert seen(jobs, job) == ("queued", None)

    registry.announce(worker("w2", job.request.model, fails=True))
    unserved.round()
    assert seen(jobs, job) == ("failed", "model_load_failed")


def test_a_job_of_a_removed_model_ends_once_no_worker_has_it(
    jobs: JobStore, redis: Redis, catalog: WatchedCatalog, tmp_path: Path
) -> None:
    registry = WorkerRegistry(redis)
    unserved, job = Unserved(jobs, registry, catalog.current), jobs.submit(new_job()).job
    registry.announce(worker("w1", job.request.model, fails=False))
    unserved.round()

    write(tmp_path, "another")
    unserved.round()
    assert seen(jobs, job) == ("queued", None)

    registry.withdraw("w1")
    unserved.round()
    assert seen(jobs, job) == ("failed", "model_not_found")
