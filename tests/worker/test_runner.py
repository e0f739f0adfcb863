"""One job's life with the real store, the real engine and a tiny model of each family."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest
from PIL import Image
from redis import Redis

from core.catalog.catalog import Catalog
from core.jobs import Stage, Status, new_job_id
from core.media import Input, Output
from core.results import input_key
from core.store import EventLog, Outbox, WorkerInfo, WorkerRegistry
from core.tasks import task_named
from tests.tiny_models import FAMILIES
from tests.worker.engine.drawings import a_request
from tests.worker.job_worker import Worker, running
from worker.leases import Stop
from worker.pipelines.families import traits_of

STARTED = ("image-to-image", "inpaint")


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


@pytest.mark.parametrize("another", [True, False])
def test_what_cannot_be_loaded_here_is_left_to_a_worker_that_may(
    redis: Redis, catalog: Catalog, tmp_path: Path, another: bool
) -> None:
    # Given a worker without the files of its models, alone or beside another
    if another:
        WorkerRegistry(redis).announce(WorkerInfo(name="w2", queue="default", device="cpu", slots=1))
    with running(redis, catalog.evolve(folder=tmp_path), tmp_path) as worker:
        job_id = worker.submit()
        # When it takes a job
        worker.run()
        # Then the job waits for the other, no attempt used; alone, it has failed with the reason
        job = worker.job(job_id)
        if another:
            assert (job.status, job.attempts) == (Status.QUEUED, 0)
        else:
            assert job.error is not None
            assert (job.status, job.error.code) == (Status.FAILED, "model_load_failed")
