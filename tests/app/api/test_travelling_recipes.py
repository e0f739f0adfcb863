"""Recipes travel with every file: read back from each format, of what was drawn and of what was made of it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from fastapi.testclient import TestClient
from PIL import Image

from core.jobs import GenerationRequest, Job
from core.media import Output
from core.settings import Settings
from tests.app.conftest import MODELS, Connect
from tests.app.fake_worker import FakeWorker
from worker.outputs.image import encode

NETWORKS = """
[larger]
source = "larger"
family = "upscaler"
scale = 2

[cut]
source = "cut"
family = "matte"
"""
PROMPT = "a red fox, 赤い狐"


@pytest.fixture
def picture() -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def drawn(
    settings: Settings, connect: Connect, worker: FakeWorker, picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, str], tuple[TestClient, Job]]]:
    """The request that a worker gets: for a picture, or for what a route makes of one."""
    settings.catalog.write_text(MODELS + NETWORKS)
    monkeypatch.setattr("tests.app.fake_worker.PICTURE", picture)
    with connect() as client:
        yield partial(made, client, worker)


def made(client: TestClient, worker: FakeWorker, route: str, kind: str) -> tuple[TestClient, Job]:
    body = {"prompt": PROMPT, "seed": 41, "n": 2, "num_inference_steps": 7, "output": {"format": kind}}
    job = client.post("/v1/generations", json=body).json()
    if not route:
        return client, worker.claim().job
    for each in route.split("/"):
        worker.finish(worker.claim())
        answer = client.post(f"/v1/generations/{job['id']}/outputs/{1 if job['seeds'][1:] else 0}/{each}", json={})
        assert answer.status_code == 202, answer.text
        job = answer.json()
    return client, worker.claim().job


def file_of(request: GenerationRequest, kind: str, channels: int) -> bytes:
    pixels = torch.full((64, 64, channels), 200, dtype=torch.uint8)
    return encode(pixels, request.evolve(output=Output(format=kind)), request.seeds[-1], {}).content


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("route", ["", "upscale", "remove-background", "remove-background/upscale", "vary"])
def test_a_file_tells_how_its_picture_was_drawn(
    drawn: Callable[[str, str], tuple[TestClient, Job]], route: str, kind: str
) -> None:
    # Given a file of a picture, or of what was made of the second of two
    client, job = drawn(route, kind)
    cut = job.request.task == "remove-background"
    content = file_of(job.request, "png" if cut and kind == "jpeg" else kind, 4 if cut else 3)
    # When its recipe is read
    answer = client.post("/v1/recipes", files={"image": (f"mine.{kind}", content)})
    assert answer.status_code == 200, answer.text
    # Then it is that of the picture that was drawn by words
    recipe = answer.json()["recipe"]
    assert recipe["prompt"] == PROMPT
    assert recipe["model"] == "mini"
    if route != "vary":
        assert (recipe["seed"], recipe["num_inference_steps"]) == (42, 7)


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_other_tools_find_their_line_in_files_without_chunks(
    drawn: Callable[[str, str], tuple[TestClient, Job]], kind: str
) -> None:
    _, job = drawn("upscale", kind)

    image = Image.open(io.BytesIO(file_of(job.request, kind, 3)))

    comment = image.getexif().get_ifd(0x8769)[0x9286]
    assert comment.startswith(b"UNICODE\0")
    line = comment[8:].decode("utf-16-be")
    assert line.startswith(PROMPT)
    assert "Steps: 7" in line
    assert "Seed: 42" in line
    assert "upscale by larger" in line
    assert json.loads(image.getexif()[0x010E])["of"]["prompt"] == PROMPT
