"""images.generate of the official client over the real store: fields, formats, models and waiting."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.app.answers import request_of
from tests.app.fake_worker import PICTURE, FakeWorker

pytestmark = pytest.mark.usefixtures("drawing")


def job_of(server: str, job_id: str) -> dict[str, Any]:
    """The job as the native API shows it."""
    answer: dict[str, Any] = httpx.get(f"{server}/v1/generations/{job_id}").json()
    return answer


def test_a_prompt_becomes_pictures(openai: OpenAI, server: str) -> None:
    # Given the unchanged client; when it asks as it always did
    answer = openai.images.generate(model="dall-e-3", prompt="a red apple", n=2, size="1024x1024", quality="hd")

    # Then the pictures come in base64, which is the default of the newer models
    assert answer.data is not None
    assert [base64.b64decode(image.b64_json or "") for image in answer.data] == [PICTURE, PICTURE]
    assert [image.url for image in answer.data] == [None, None]
    # and the answer tells what was made: the size is the model's own, since it cannot draw 1024
    assert (answer.size, answer.quality, answer.background, answer.output_format) == (
        "256x256",
        "high",
        "opaque",
        "png",
    )
    assert answer.usage is not None
    # and each picture's seed, the job's id and its timings come along
    job = job_of(server, answer.id)  # type: ignore[attr-defined]
    assert [image.seed for image in answer.data] == job["seeds"]  # type: ignore[attr-defined]
    assert answer.timings == job["timings"]  # type: ignore[attr-defined]
    assert answer._request_id == job["id"]
    assert (job["status"], job["model"], job["parameters"]["num_inference_steps"]) == ("succeeded", "mini", 30)


def test_pictures_as_urls(openai: OpenAI) -> None:
    answer = openai.images.generate(prompt="a red apple", response_format="url")

    assert answer.data is not None
    assert answer.data[0].b64_json is None
    assert httpx.get(answer.data[0].url or "").content == PICTURE


def test_our_own_fields_go_in_the_extra_body(openai: OpenAI, server: str) -> None:
    answer = openai.images.generate(
        model="mini",
        prompt="a blue car",
        n=2,
        size="128x160",
        output_format="webp",
        output_compression=80,
        user="42",
        moderation="low",
        style="vivid",
        background="auto",
        extra_body={
            "seed": 7,
            "negative_prompt": "blurry",
            "steps": 5,
            "guidance": 2.5,
            "scheduler": "heun",
            "metadata": {"order": "1"},
            "priority": "low",
            "expires_in": 60,
            "store": False,
        },
    )

    job = job_of(server, answer.id)  # type: ignore[attr-defined]
    asked = request_of(job)
    assert (asked["width"], asked["height"], asked["seeds"]) == (128, 160, [7, 8])
    assert (asked["num_inference_steps"], asked["guidance_scale"], asked["scheduler"]) == (5, 2.5, "heun")
    assert (asked["negative_prompt"], asked["output"]) == ("blurry", {"format": "webp", "quality": 80})
    assert (job["priority"], job["store"]) == ("low", False)
    assert job["metadata"] == {"order": "1", "user": "42"}
    assert (answer.size, answer.output_format) == ("128x160", "webp")


@pytest.mark.parametrize(
    ("quality", "steps"),
    [("auto", 20), ("standard", 20), ("low", 10), ("medium", 20), ("high", 30), ("hd", 30), ("xhigh", 40), ("max", 40)],
)
def test_quality_is_a_number_of_steps(openai: OpenAI, server: str, quality: Any, steps: int) -> None:
    answer = openai.images.generate(prompt="a red apple", quality=quality)

    assert job_of(server, answer.id)["parameters"]["num_inference_steps"] == steps  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("model", "size", "made"),
    [
        ("gpt-image-1", "auto", "256x256"),
        ("gpt-image-2.5-sunburst", "1536x1024", "320x224"),
        ("dall-e-2", "256x256", "256x256"),
        ("dall-e-3", "1024x1792", "192x352"),
        ("dall-e-2", "200x300", "192x288"),
        (None, "1024x1024", "256x256"),
        ("", None, "256x256"),
        ("mini", "384x128", "384x128"),
    ],
)
def test_sizes(openai: OpenAI, model: Any, size: Any, made: str) -> None:
    assert openai.images.generate(model=model, prompt="a red apple", size=size).size == made


def test_the_client_without_v1_in_its_address(server: str) -> None:
    with OpenAI(base_url=server, api_key="none", max_retries=0) as client:
        assert client.images.generate(prompt="a red apple").data
        assert [model.id for model in client.models.list()] == ["mini", "flux-tiny"]


def test_the_async_client(server: str) -> None:
    async def ask() -> list[int]:
        async with AsyncOpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0) as client:
            answers = await asyncio.gather(*(client.images.generate(prompt=f"apple {i}", n=1) for i in range(8)))
        return [len(answer.data or []) for answer in answers]

    assert asyncio.run(ask()) == [1] * 8


def test_models(openai: OpenAI, worker: FakeWorker) -> None:
    listed = openai.models.list().data
    one = openai.models.retrieve("mini")

    assert [model.id for model in listed] == ["mini", "flux-tiny"]
    assert (one.object, one.owned_by) == ("model", "easel")
    assert one.created == listed[0].created > 1_700_000_000
