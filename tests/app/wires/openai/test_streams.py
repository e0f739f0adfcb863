"""Streams of the official client: partial pictures, the end, errors, and hanging up in the middle."""

from __future__ import annotations

import base64
import io
import time
from typing import Any

import httpx
import openai as wheel
import pytest
from openai import OpenAI
from PIL import Image
from redis import Redis

from core.settings import Settings
from core.store import Claim, Preview, Previews
from tests.app.conftest import serving
from tests.app.fake_worker import PICTURE, FakeWorker
from tests.app.wires.openai.files import file_of, hole, plain


def claimed(worker: FakeWorker, url: str) -> Claim:
    while not httpx.get(f"{url}/v1/generations", params={"status": "queued"}).json()["data"]:
        time.sleep(0.02)
    return worker.claim()


def preview(colour: str, step: int) -> Preview:
    return Preview(jpeg=file_of(plain(64, 64, colour), "JPEG"), step=step, steps=20)


def test_partial_pictures_come_on_the_way(openai: OpenAI, server: str, worker: FakeWorker, redis: Redis) -> None:
    # Given a stream that asks for two partial pictures, one a third of the way
    with openai.images.generate(prompt="a red apple", stream=True, partial_images=2, output_format="webp") as stream:
        claim = claimed(worker, server)
        previews = Previews(redis)
        seen: list[Any] = []
        # When there is a preview too early, one at a time that is right, and one that comes too soon after it
        previews.show(claim.job.id, preview("black", 2))
        time.sleep(0.3)
        previews.show(claim.job.id, preview("red", 8))
        seen.append(next(stream))
        previews.show(claim.job.id, preview("black", 9))
        time.sleep(0.3)
        previews.show(claim.job.id, preview("blue", 14))
        seen.append(next(stream))
        worker.finish(claim)
        seen.extend(stream)
    # Then the client saw the two at their times, in the format that it had asked for, and the picture
    assert [event.type for event in seen] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    assert [event.partial_image_index for event in seen[:2]] == [0, 1]
    for event, strongest in zip(seen[:2], (0, 2), strict=True):
        image = Image.open(io.BytesIO(base64.b64decode(event.b64_json)))
        pixel = image.convert("RGB").getpixel((32, 32))
        assert isinstance(pixel, tuple)
        assert image.format == "WEBP"
        assert max(pixel) == pixel[strongest] > 200
    done = seen[-1]
    assert base64.b64decode(done.b64_json) == PICTURE
    assert (done.size, done.output_format, done.background, done.quality) == ("256x256", "webp", "opaque", "medium")
    assert done.usage.total_tokens == 0
    assert (done.id, done.seed) == (claim.job.id, claim.job.request.seeds[0])


def test_every_picture_completes_by_itself(openai: OpenAI, worker: FakeWorker) -> None:
    with worker:
        events = list(openai.images.generate(prompt="a red apple", n=3, stream=True))

    assert [event.type for event in events] == ["image_generation.completed"] * 3
    assert len({event.seed for event in events}) == 3  # type: ignore[union-attr]


def test_an_edit_streams_too(openai: OpenAI, worker: FakeWorker) -> None:
    with worker:
        events = list(openai.images.edit(image=file_of(hole()), prompt="a hat", stream=True, partial_images=1))

    assert [event.type for event in events] == ["image_edit.completed"]


def test_a_failure_on_the_way_is_raised(openai: OpenAI, server: str, worker: FakeWorker) -> None:
    with openai.images.generate(prompt="a red apple", stream=True) as stream:
        worker.fail(claimed(worker, server))
        with pytest.raises(wheel.APIError) as failed:
            list(stream)

    assert (failed.value.code, failed.value.type) == ("out_of_memory", "server_error")
    assert "does not fit the device" in failed.value.message


def test_a_refusal_comes_before_the_stream(openai: OpenAI) -> None:
    with pytest.raises(wheel.BadRequestError):
        openai.images.generate(prompt="", stream=True)


def test_a_server_that_stops_ends_the_stream(settings: Settings) -> None:
    with OpenAI(base_url="http://unset", api_key="none", max_retries=0) as client:
        with serving(settings) as url:
            client.base_url = f"{url}/v1"
            stream = client.images.generate(prompt="a red apple", stream=True)
        with pytest.raises(wheel.APIError) as told:
            list(stream)
    assert told.value.code == "try_again"


@pytest.mark.usefixtures("grace")
def test_hanging_up_cancels(openai: OpenAI, server: str, worker: FakeWorker) -> None:
    with openai.images.generate(prompt="a red apple", stream=True):
        claim = claimed(worker, server)

    deadline = time.monotonic() + 20
    while worker.step(claim, 1, 20) != "cancel":
        assert time.monotonic() < deadline
        time.sleep(0.05)
