"""Pictures that a job starts from are read from the store by role, whatever the task."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core import tasks
from core.errors import JobFailure
from core.jobs import GenerationRequest, new_job_id
from core.media import IMAGE, Input
from core.results import ResultStore, input_key
from tests.worker.added_modules import AddModule
from tests.worker.engine.drawings import a_request
from worker.inputs import read_inputs

JOB = new_job_id()


@pytest.fixture
def results(tmp_path: Path) -> ResultStore:
    return ResultStore((tmp_path / "results").as_uri())


def put(results: ResultStore, role: str, image: Image.Image, *, index: int = 0, kind: str = "png") -> Input:
    """Store `image` as an input of the job, and what its record says of it."""
    chosen = IMAGE.format(kind)
    assert chosen is not None
    file = io.BytesIO()
    image.save(file, kind.upper())
    key = input_key(JOB, role, index, chosen.extension)
    results.put(key, file.getvalue())
    return Input(role=role, index=index, key=key, medium=chosen.media_type, size_bytes=len(file.getvalue()))


def request_with(*inputs: Input, task: str = "inpaint", **changes: Any) -> GenerationRequest:
    return a_request("mini", task=task, width=64, height=48, **changes).request.evolve(inputs=inputs)


def test_words_alone_need_no_picture(results: ResultStore) -> None:
    assert read_inputs(results, request_with(task="text-to-image")) == {}


def test_pictures_come_in_the_mode_of_their_role_and_at_the_size_of_the_job(results: ResultStore) -> None:
    # Given a picture with transparency and a mask of another size with hard edges
    mask = Image.new("L", (128, 96), 0)
    mask.paste(255, (0, 0, 63, 96))
    given = [put(results, "image", Image.new("RGBA", (100, 75), "red")), put(results, "mask", mask)]
    # When they are read
    read = read_inputs(results, request_with(*given))
    # Then both are as the model draws, and the mask is as hard as it was
    assert {role: [(p.mode, p.size) for p in pictures] for role, pictures in read.items()} == {
        "image": [("RGB", (64, 48))],
        "mask": [("L", (64, 48))],
    }
    assert {value for _, value in read["mask"][0].getcolors() or ()} == {0, 255}


@pytest.mark.parametrize("kind", [each.name for each in IMAGE.formats])
def test_every_format_of_images_is_read(results: ResultStore, kind: str) -> None:
    given = put(results, "image", Image.new("RGB", (64, 48), "red"), kind=kind)
    (picture,) = read_inputs(results, request_with(given, task="image-to-image"))["image"]
    red, green, blue = picture.getpixel((5, 5))  # type: ignore[misc]
    assert red > 240 > 20 > max(green, blue)


COLLAGE = """
    from core.tasks import Parameters, Role, Task

    TASK = Task(name="collage", title="Of many.", parameters=Parameters, roles=(Role("reference", most=4),))
"""


def test_roles_that_nobody_knows_keep_their_order_and_size(results: ResultStore, add_module: AddModule) -> None:
    # Given a task of its own, which takes several pictures and works in no size
    add_module(tasks, "collage", COLLAGE)
    colours = ("red", "green", "blue")
    given = [put(results, "reference", Image.new("RGB", (8, 9), colours[n]), index=n) for n in range(3)]
    request = GenerationRequest(task="collage", model="m", parameters={}, seeds=(1,), inputs=tuple(reversed(given)))
    # Then they come by their index, as they are
    pictures = read_inputs(results, request)["reference"]
    assert [picture.getpixel((0, 0)) for picture in pictures] == [(255, 0, 0), (0, 128, 0), (0, 0, 255)]
    assert {picture.size for picture in pictures} == {(8, 9)}


def test_a_picture_that_is_gone_fails_the_job_by_name(results: ResultStore) -> None:
    image = put(results, "image", Image.new("RGB", (64, 48), "red"))
    gone = image.evolve(role="mask", key=input_key(JOB, "mask", 0, "png"))
    with pytest.raises(JobFailure, match="the mask that the job starts from is gone") as failure:
        read_inputs(results, request_with(image, gone))
    assert failure.value.code == "input_missing"


@pytest.mark.parametrize("medium", ["image/jpeg", "image/tiff", "audio/wav"])
def test_what_is_not_what_it_says_fails_the_job(results: ResultStore, medium: str) -> None:
    given = put(results, "image", Image.new("RGB", (64, 48), "red")).evolve(medium=medium)
    with pytest.raises(JobFailure, match=f"the image .* cannot be read as {medium}") as failure:
        read_inputs(results, request_with(given, task="image-to-image"))
    assert failure.value.code == "input_unreadable"
