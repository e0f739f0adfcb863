"""One job's life with the real store, the real engine and a tiny model of each family."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from redis import Redis

from core import tasks
from core.catalog.catalog import Catalog
from core.jobs import GenerationRequest, Job, Stage, Status, new_job_id
from core.media import Input, Output
from core.results import ResultStore, input_key
from core.store import EventLog, JobStore, NewJob, Outbox, Previews, WorkerInfo, WorkerRegistry
from core.store.jobs import Limits
from core.tasks import task_named
from tests.tiny_models import FAMILIES
from tests.worker.added_modules import AddModule
from tests.worker.engine.drawings import a_request
from worker import outputs
from worker.contract import Drawing, DrawRequest
from worker.engine.engine import Engine
from worker.leases import Leases, Stop
from worker.observers import Observers
from worker.pipelines import families
from worker.pipelines.families import traits_of
from worker.pipelines.models import Models
from worker.runner import JobRunner

STARTED = ("image-to-image", "inpaint")


@dataclass
class Worker:
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
    runner = JobRunner(store=store, results=results, leases=leases, submit=submit)
    yield Worker(runner, store, results, leases, submitted)
    leases.leave()
    engine.stop(drain=False)
    loop.join()


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_draws(worker: Worker, redis: Redis, family: str) -> None:
    # Given a job for two pictures of a family's model
    job_id = worker.submit(family)
    # When a slot works it off
    worker.run()
    # Then it succeeded on its first attempt, with timings of every stage
    job = worker.job(job_id)
    assert (job.status, job.attempts, job.error) == (Status.SUCCEEDED, 1, None)
    assert {Stage.QUEUE, Stage.ENCODE, Stage.DENOISE, Stage.DECODE, Stage.STORE} <= job.timings.keys()
    # and both pictures are stored under names that carry the attempt
    assert [(output.seed, output.index) for output in job.outputs] == [(1, 0), (2, 1)]
    for output in job.outputs:
        assert output.key == f"{job_id}/1/{output.index}.png"
        assert (output.medium, output.facts) == ("image/png", {"width": 64, "height": 64})
        content = worker.results.read(output.key)
        assert len(content) == output.size_bytes
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
    worker.run()
    job = worker.job(job_id)
    assert (job.outputs[0].extension, job.outputs[0].medium) == ("webp", "image/webp")
    assert Image.open(io.BytesIO(worker.results.read(job.outputs[0].key))).format == "WEBP"


def test_a_ticket_without_a_job_is_harmless(worker: Worker) -> None:
    worker.run()
    assert worker.submitted == []


def test_a_job_for_an_unknown_model_fails_with_a_reason(worker: Worker) -> None:
    job_id = worker.submit("gone")
    worker.run()
    job = worker.job(job_id)
    assert job.status is Status.FAILED
    assert job.error is not None
    assert job.error.code == "model_not_found"


def test_cancel_while_running_ends_as_canceled(worker: Worker) -> None:
    # Given a long job under way
    job_id = worker.submit(num_inference_steps=150, seeds=(1,))
    slot = threading.Thread(target=worker.run)
    slot.start()
    while not worker.leases.active():
        threading.Event().wait(0.01)
    # When its owner cancels it
    worker.store.cancel(job_id)
    slot.join()
    # Then it ended as canceled, without a picture, long before its last step
    job = worker.job(job_id)
    assert (job.status, job.outputs) == (Status.CANCELED, ())
    assert job.progress is None or job.progress.step < 150


def test_a_job_that_is_released_has_lost_nothing(worker: Worker) -> None:
    # Given a job under way, and another behind it
    job_id = worker.submit(num_inference_steps=150, seeds=(1,))
    behind = worker.submit(seeds=(1,))
    slot = threading.Thread(target=worker.run)
    slot.start()
    while not worker.leases.active():
        threading.Event().wait(0.01)
    # When the worker is told to stop
    worker.leases.active()[0].stop(Stop.RELEASED)
    slot.join()
    # Then the job waits again, first in line, with no attempt used
    job = worker.job(job_id)
    assert (job.status, job.attempts) == (Status.QUEUED, 0)
    assert worker.store.position(job) == 1
    assert worker.store.position(worker.job(behind)) == 2


def test_a_job_whose_engine_is_gone_is_nobodys_cancel(worker: Worker) -> None:
    # Given a job under way
    job_id = worker.submit(num_inference_steps=150, seeds=(1,))
    slot = threading.Thread(target=worker.run)
    slot.start()
    while not worker.submitted:
        threading.Event().wait(0.01)
    # When its drawing ends though nobody asked for that
    worker.submitted[0].cancel()
    slot.join()
    # Then the job is not called canceled: its lease runs out, and it starts again
    job = worker.job(job_id)
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
    worker.run()
    # Then the commit was refused, the job waits for its next attempt, and the file is gone
    job = worker.job(job_id)
    assert (job.status, job.outputs) == (Status.QUEUED, ())
    with pytest.raises(FileNotFoundError):
        worker.results.read(f"{job_id}/1/0.png")


@pytest.mark.parametrize(("family", "task"), [(family, task) for family in FAMILIES for task in STARTED])
def test_each_family_starts_from_a_picture(worker: Worker, family: str, task: str) -> None:
    # Given a job to draw the left half of a red picture anew, or all of it
    job_id = new_job_id()
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (0, 0, 32, 64))
    pictures = {"image": Image.new("RGB", (64, 64), "red"), "mask": mask}
    inputs = []
    for role in task_named(task).roles:
        file, key = io.BytesIO(), input_key(job_id, role.name, 0, "png")
        pictures[role.name].save(file, "PNG")
        worker.results.put(key, file.getvalue())
        inputs.append(Input(role=role.name, key=key, medium="image/png", size_bytes=len(file.getvalue())))
    request = a_request(family, task=task, strength=0.75).request.evolve(seeds=(1, 2), inputs=tuple(inputs))
    worker.submit_request(request, job_id)
    # When a slot works it off
    worker.run()
    # Then there are the pictures, or the reason why this family makes none
    job = worker.job(job_id)
    if traits_of(family).pipeline_for(task) is None:
        assert job.error is not None
        assert (job.status, job.error.code) == (Status.FAILED, "task_not_supported")
        return
    assert (job.status, job.error) == (Status.SUCCEEDED, None)
    one, other = (Image.open(io.BytesIO(worker.results.read(output.key))).convert("RGB") for output in job.outputs)
    assert one.tobytes() != other.tobytes()
    # and with a mask, the right half is still what it was
    kept = one.crop((32, 0, 64, 64)).getcolors() == [(32 * 64, (255, 0, 0))]
    assert kept == (task == "inpaint")


def test_a_job_whose_picture_is_gone_fails_and_says_so(worker: Worker) -> None:
    gone = Input(role="image", key="gone/input/image-0.png", medium="image/png", size_bytes=3)
    job_id = worker.submit_request(a_request(task="image-to-image").request.evolve(inputs=(gone,)))
    worker.run()
    job = worker.job(job_id)
    assert job.error is not None
    assert (job.status, job.error.code) == (Status.FAILED, "input_missing")
    assert worker.submitted == []


def test_a_format_that_the_medium_does_not_have_fails_before_anything_is_drawn(worker: Worker) -> None:
    job_id = worker.submit(output=Output(format="mp4"))
    worker.run()
    job = worker.job(job_id)
    assert job.error is not None
    assert (job.status, job.error.code) == (Status.FAILED, "output_not_supported")
    assert worker.submitted == []


HUM = """
    from core.media import Format, Medium
    from core.tasks import Task
    from core.tasks.diffusion import DiffusionParameters

    SOUND = Medium(name="sound", formats=(Format(name="wav", media_type="audio/wav", extension="wav"),))
    TASK = Task(name="hum", title="A tune.", parameters=DiffusionParameters, medium=SOUND, implied=False)
"""
ENCODE_SOUND = """
    from worker.outputs import Encoded

    def encode(result, request, seed, inputs):
        return Encoded(bytes([seed, *result.tolist()]), {"seconds": len(result) / 2})
"""
HUMMING = """
    import torch
    from diffusers import StableDiffusionPipeline
    from worker.pipelines.traits import Traits

    class Hum(StableDiffusionPipeline):
        def __call__(self, prompt, num_inference_steps=2, generator=None):
            return ([torch.arange(num_inference_steps)],)

    TRAITS = Traits(families=frozenset({"sd15"}), pipelines={"hum": Hum})
"""


def test_a_task_of_another_medium_is_three_files_and_no_line_anywhere_else(
    worker: Worker, add_module: AddModule
) -> None:
    # Given a task, what draws it for a family that there is, and what makes files of its medium
    add_module(tasks, "hum", HUM)
    add_module(families, "humming", HUMMING)
    add_module(outputs, "sound", ENCODE_SOUND)
    # When a job of it is worked off
    job_id = worker.submit(task="hum", output=Output(format="wav"), seeds=(5, 6))
    worker.run()
    # Then its artifacts are of that medium
    job = worker.job(job_id)
    assert (job.status, job.error) == (Status.SUCCEEDED, None)
    assert [(output.key, output.medium, output.facts) for output in job.outputs] == [
        (f"{job_id}/1/{index}.wav", "audio/wav", {"seconds": 1.5}) for index in range(2)
    ]
    assert worker.results.read(job.outputs[1].key) == b"\x06\x00\x01\x02"


def test_previews_are_shown_while_it_runs(worker: Worker, redis: Redis) -> None:
    # Given a worker that shows previews, and a job that takes longer than the time between two of them
    previews = Previews(redis)
    job_id = worker.submit(num_inference_steps=150, seeds=(1,))
    slot = threading.Thread(target=replace(worker.run, observers=Observers(previews=previews)))
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
    replace(worker.run, observers=Observers(previews=Previews(redis)))()
    job = worker.job(job_id)
    assert job.status is Status.SUCCEEDED
