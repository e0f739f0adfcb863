"""One job's life with the real store, the real engine and a tiny model of each family."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from PIL import Image
from redis import Redis

from core.catalog.catalog import Catalog
from core.jobs import GenerationRequest, Stage, Status, new_job_id
from core.media import Output
from core.results import Input, ResultStore, input_key
from core.schedulers import Scheduler
from core.store import EventLog, JobStore, NewJob, Outbox, Previews, WorkerInfo, WorkerRegistry
from core.store.jobs import Limits
from worker.contract import Drawing, DrawRequest
from worker.engine.engine import Engine
from worker.leases import Leases, Stop
from worker.pipelines.families import FAMILIES
from worker.pipelines.models import Models
from worker.runner import Work

FLOW = (Family.SD3, Family.FLUX)
STARTED = ("image-to-image", "inpaint")


@dataclass
class Worker:
    work: Work
    store: JobStore
    results: ResultStore
    leases: Leases
    submitted: list[Drawing]

    def submit(self, model: str = "sd15", **changes: object) -> str:
        flow = model in FLOW
        request = GenerationRequest(
            model=model,
            prompt="a red apple",
            width=64,
            height=64,
            num_inference_steps=3,
            guidance_scale=4.0,
            scheduler=Scheduler.FLOW_MATCH_EULER if flow else Scheduler.DDIM,
            seeds=(1, 2),
        ).evolve(**changes)
        new = NewJob(id=new_job_id(), owner="local", queue="default", request=request, webhook_url="http://x.test/")
        return self.store.submit(new).job.id


@pytest.fixture
def worker(redis: Redis, catalog: Catalog, tmp_path: Path) -> Iterator[Worker]:
    """Everything of a worker process but the RQ slots; the engine runs beside the test."""
    store = JobStore(redis, Limits())
    results = ResultStore((tmp_path / "results").as_uri())
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
    yield Worker(Work("w1", "default", store, results, leases, submit), store, results, leases, submitted)
    leases.leave()
    engine.stop(drain=False)
    loop.join()


@pytest.mark.parametrize("family", Family)
def test_each_family_draws(worker: Worker, redis: Redis, family: Family) -> None:
    # Given a job for two pictures of a family's model
    job_id = worker.submit(family)
    # When a slot works it off
    worker.work()
    # Then it succeeded on its first attempt, with timings of every stage
    job = worker.store.get(job_id)
    assert job is not None
    assert (job.status, job.attempts, job.error) == (Status.SUCCEEDED, 1, None)
    assert {Stage.QUEUE, Stage.ENCODE, Stage.DENOISE, Stage.DECODE, Stage.STORE} <= job.timings.keys()
    # and both pictures are stored under names that carry the attempt
    assert [(image.seed, image.index) for image in job.images] == [(1, 0), (2, 1)]
    for image in job.images:
        assert image.key == f"{job_id}/1/{image.index}.png"
        content = worker.results.read(image.key)
        assert len(content) == image.size_bytes
        assert Image.open(io.BytesIO(content)).size == (64, 64)
    # and its events and its webhook row are there
    kinds = [event.type for event in EventLog(redis).read(job_id)]
    assert kinds[:2] == ["queued", "started"]
    assert kinds[-1] == "succeeded"
    delivery = Outbox(redis).take(20)
    assert delivery is not None
    assert (delivery.job_id, delivery.type) == (job_id, "generation.succeeded")


def test_output_format_is_obeyed(worker: Worker) -> None:
    job_id = worker.submit(output=Output(format="webp", quality=50), seeds=(5,))
    worker.work()
    job = worker.store.get(job_id)
    assert job is not None
    assert job.images[0].key.endswith("/0.webp")
    assert Image.open(io.BytesIO(worker.results.read(job.images[0].key))).format == "WEBP"


def test_a_ticket_without_a_job_is_harmless(worker: Worker) -> None:
    worker.work()
    assert worker.submitted == []


def test_a_job_for_an_unknown_model_fails_with_a_reason(worker: Worker) -> None:
    job_id = worker.submit("gone")
    worker.work()
    job = worker.store.get(job_id)
    assert job is not None
    assert job.status is Status.FAILED
    assert job.error is not None
    assert job.error.code == "model_not_found"


def test_cancel_while_running_ends_as_canceled(worker: Worker) -> None:
    # Given a long job under way
    job_id = worker.submit(num_inference_steps=150, seeds=(1,))
    slot = threading.Thread(target=worker.work)
    slot.start()
    while not worker.leases.active():
        threading.Event().wait(0.01)
    # When its owner cancels it
    worker.store.cancel(job_id)
    slot.join()
    # Then it ended as canceled, without a picture, long before its last step
    job = worker.store.get(job_id)
    assert job is not None
    assert (job.status, job.images) == (Status.CANCELED, ())
    assert job.progress is None or job.progress.step < 150


def test_a_job_that_is_handed_back_has_lost_nothing(worker: Worker) -> None:
    # Given a job under way, and another behind it
    job_id = worker.submit(num_inference_steps=150, seeds=(1,))
    behind = worker.submit(seeds=(1,))
    slot = threading.Thread(target=worker.work)
    slot.start()
    while not worker.leases.active():
        threading.Event().wait(0.01)
    # When the worker is told to leave
    worker.leases.active()[0].end(Stop.HANDED_BACK)
    slot.join()
    # Then the job waits again, first in line, with no attempt used
    job = worker.store.get(job_id)
    assert job is not None
    assert (job.status, job.attempts) == (Status.QUEUED, 0)
    assert worker.store.position(job) == 1
    after = worker.store.get(behind)
    assert after is not None
    assert worker.store.position(after) == 2


def test_a_job_whose_engine_is_gone_is_nobodys_cancel(worker: Worker) -> None:
    # Given a job under way
    job_id = worker.submit(num_inference_steps=150, seeds=(1,))
    slot = threading.Thread(target=worker.work)
    slot.start()
    while not worker.submitted:
        threading.Event().wait(0.01)
    # When its drawing ends though nobody asked for that
    worker.submitted[0].cancel()
    slot.join()
    # Then the job is not called canceled: its lease runs out, and it starts again
    job = worker.store.get(job_id)
    assert job is not None
    assert (job.status, job.attempts) == (Status.RUNNING, 1)


def test_a_lost_lease_leaves_no_file_behind(worker: Worker, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a job that the reaper takes away while its picture is being stored
    job_id = worker.submit(seeds=(1,))
    put = worker.results.put

    def put_then_lose(key: str, content: bytes) -> None:
        put(key, content)
        redis.zadd("easel:leases", {job_id: 1})
        assert worker.store.reap().requeued == (job_id,)

    monkeypatch.setattr(worker.results, "put", put_then_lose)
    # When the slot commits
    worker.work()
    # Then the commit was refused, the job waits for its next attempt, and the file is gone
    job = worker.store.get(job_id)
    assert job is not None
    assert (job.status, job.images) == (Status.QUEUED, ())
    with pytest.raises(FileNotFoundError):
        worker.results.read(f"{job_id}/1/0.png")


@pytest.mark.parametrize(("family", "task"), [(family, task) for family in Family for task in STARTED])
def test_each_family_starts_from_a_picture(worker: Worker, family: Family, task: Task) -> None:
    # Given a job to draw the left half of a red picture anew, or all of it
    flow = family in FLOW
    job_id = new_job_id()
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (0, 0, 32, 64))
    for name, given in ((Input.IMAGE, Image.new("RGB", (64, 64), "red")), (Input.MASK, mask)):
        file = io.BytesIO()
        given.save(file, "PNG")
        worker.results.put(input_key(job_id, name), file.getvalue())
    request = GenerationRequest(
        task=task,
        model=family,
        prompt="a hat",
        width=64,
        height=64,
        num_inference_steps=4,
        guidance_scale=4.0,
        scheduler=Scheduler.FLOW_MATCH_EULER if flow else Scheduler.DDIM,
        seeds=(1, 2),
        strength=0.75,
    )
    worker.store.submit(NewJob(id=job_id, owner="local", queue="default", request=request))
    # When a slot works it off
    worker.work()
    # Then there are the pictures, or the reason why this family makes none
    job = worker.store.get(job_id)
    assert job is not None
    if task not in FAMILIES[family].TASKS:
        assert job.error is not None
        assert (job.status, job.error.code) == (Status.FAILED, "task_not_supported")
        return
    assert (job.status, job.error) == (Status.SUCCEEDED, None)
    one, other = (Image.open(io.BytesIO(worker.results.read(image.key))).convert("RGB") for image in job.images)
    assert one.tobytes() != other.tobytes()
    # and with a mask, the right half is still what it was
    kept = one.crop((32, 0, 64, 64)).getcolors() == [(32 * 64, (255, 0, 0))]
    assert kept == (task == "inpaint")


def test_previews_are_shown_while_it_runs(worker: Worker, redis: Redis) -> None:
    # Given a worker that shows previews, and a job that takes longer than the time between two of them
    previews = Previews(redis)
    job_id = worker.submit(num_inference_steps=150, seeds=(1,))
    slot = threading.Thread(target=replace(worker.work, previews=previews))
    slot.start()
    # When it runs
    while slot.is_alive() and previews.latest(job_id) is None:
        threading.Event().wait(0.01)
    worker.store.cancel(job_id)
    slot.join()
    # Then there was one, of a step on the way
    preview = previews.latest(job_id)
    assert preview is not None
    assert 0 < preview.step < preview.steps == 150
    assert Image.open(io.BytesIO(preview.jpeg)).format == "JPEG"


def test_a_preview_that_cannot_be_painted_costs_no_picture(
    worker: Worker, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[object] = []
    monkeypatch.setattr("worker.engine.previews.ColourMap.jpeg", lambda *latents: painted.append(latents) or 1 / 0)
    job_id = worker.submit(num_inference_steps=150, seeds=(1,))
    replace(worker.work, previews=Previews(redis))()
    job = worker.store.get(job_id)
    assert job is not None
    assert job.status is Status.SUCCEEDED
