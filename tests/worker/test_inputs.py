"""Pictures that a job starts from: read from the store, and kept where the mask says so."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch
from PIL import Image

from core.errors import JobFailure
from core.jobs import GenerationRequest, Job, Status, new_job_id
from core.results import Input, ResultStore, input_key
from core.schedulers import Scheduler
from worker.inputs import FEATHER_PIXELS, Inputs, read_inputs


def job_for(task: Task) -> Job:
    request = GenerationRequest(
        task=task,
        model="mini",
        prompt="a hat",
        width=64,
        height=48,
        num_inference_steps=4,
        guidance_scale=4,
        scheduler=Scheduler.DDIM,
        seeds=(1,),
        strength=0.5,
    )
    now = datetime.now(UTC)
    return Job(id=new_job_id(), owner="local", status=Status.RUNNING, queue="default", request=request, created_at=now)


def put(results: ResultStore, job: Job, name: Input, image: Image.Image) -> None:
    file = io.BytesIO()
    image.save(file, "PNG")
    results.put(input_key(job.id, name), file.getvalue())


@pytest.fixture
def results(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path.as_uri())


def test_words_alone_need_no_picture(results: ResultStore) -> None:
    assert read_inputs(results, job_for("text-to-image")) == Inputs()


def test_pictures_come_at_the_size_of_the_job(results: ResultStore) -> None:
    job = job_for("inpaint")
    put(results, job, Input.IMAGE, Image.new("RGB", (64, 48), "red"))
    put(results, job, Input.MASK, Image.new("L", (128, 96), 255))

    inputs = read_inputs(results, job)

    assert inputs.image is not None
    assert inputs.mask is not None
    assert (inputs.image.size, inputs.mask.size) == ((64, 48), (64, 48))


def test_a_picture_that_is_gone_fails_the_job_by_name(results: ResultStore) -> None:
    job = job_for("inpaint")
    put(results, job, Input.IMAGE, Image.new("RGB", (64, 48), "red"))

    with pytest.raises(JobFailure, match="the mask that the job starts from is gone") as failure:
        read_inputs(results, job)

    assert failure.value.code == "input_missing"


def test_outside_the_mask_every_pixel_stays() -> None:
    # Given noise as a picture, its left half to be drawn anew, and a drawing that is black everywhere
    noise = torch.randint(1, 256, (48, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mask = Image.new("L", (64, 48), 0)
    mask.paste(255, (0, 0, 32, 48))
    inputs = Inputs(Image.fromarray(noise.numpy()), mask)
    # When the two are put together
    whole = inputs.kept(torch.zeros(48, 64, 3, dtype=torch.uint8))
    # Then the right half is the picture, the left half the drawing, with a soft seam inside
    assert torch.equal(whole[:, 32:], noise[:, 32:])
    assert whole[:, : 32 - 4 * FEATHER_PIXELS].max() == 0
    assert 0 < whole[:, 31].float().mean() < noise[:, 31].float().mean()


def test_without_a_mask_the_drawing_is_all() -> None:
    drawn = torch.zeros(48, 64, 3, dtype=torch.uint8)

    assert Inputs(Image.new("RGB", (64, 48), "red")).kept(drawn) is drawn
