"""The unchanged `openai` client against the real stack: a prompt, an edit, a variation and a stream become pictures."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Iterator
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI
from PIL import Image, ImageChops

from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.slow

FAST = {"steps": 4}


@pytest.fixture
def client(stack: Stack) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{stack.http.base_url}/v1", api_key="none", max_retries=0, timeout=120) as client:
        yield client


def picture(image: Any) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(image.b64_json)))


def file_of(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def apple(client: OpenAI) -> Image.Image:
    answer = client.images.generate(model="dall-e-2", prompt="a red apple", extra_body={**FAST, "seed": 7})
    assert answer.data is not None
    return picture(answer.data[0])


def test_a_prompt_becomes_a_picture_and_a_seed_the_same_again(client: OpenAI, stack: Stack, apple: Image.Image) -> None:
    again = client.images.generate(model="easel-mini-turbo", prompt="a red apple", extra_body={**FAST, "seed": 7})

    assert (apple.format, apple.size) == ("PNG", (256, 256))
    assert again.data is not None
    assert max(high for _, high in ImageChops.difference(apple, picture(again.data[0])).getextrema()) <= 1
    # and the call was an ordinary job
    job = stack.get(again.id)  # type: ignore[attr-defined]
    assert (job["status"], job["seeds"]) == ("succeeded", [7])


def test_inpainting_draws_in_the_hole_and_nowhere_else(client: OpenAI, apple: Image.Image) -> None:
    # Given a picture and a mask that is transparent on its left half
    mask = apple.convert("RGBA")
    mask.paste((0, 0, 0, 0), (0, 0, 128, 256))
    # When the hole is filled
    answer = client.images.edit(
        image=file_of(apple), mask=file_of(mask), prompt="a green pear", extra_body={**FAST, "seed": 3}
    )
    # Then the right half is as it was, to the bit, and the left half is another
    assert answer.data is not None
    difference = ImageChops.difference(apple, picture(answer.data[0]))
    assert difference.crop((128, 0, 256, 256)).getbbox() is None
    assert max(high for _, high in difference.crop((0, 0, 120, 256)).getextrema()) > 30


def test_image_to_image_stays_the_nearer_the_weaker(client: OpenAI, apple: Image.Image) -> None:
    def distance(strength: float) -> float:
        answer = client.images.edit(
            image=file_of(apple),
            prompt="a blue car",
            extra_body={"steps": 10, "seed": 3, "strength": strength},
        )
        assert answer.data is not None
        drawn = ImageChops.difference(apple, picture(answer.data[0])).convert("L").histogram()
        return sum(value * count for value, count in enumerate(drawn)) / sum(drawn)

    assert distance(0.1) < distance(0.5) < distance(1.0)


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_variations_differ(client: OpenAI, apple: Image.Image) -> None:
    answer = client.images.create_variation(image=file_of(apple), n=2, extra_body=FAST)

    assert answer.data is not None
    one, other = (picture(image) for image in answer.data)
    assert one.size == other.size == (256, 256)
    assert ImageChops.difference(one, other).getbbox() is not None


def test_a_stream_shows_the_picture_on_its_way(client: OpenAI) -> None:
    # Given a job that takes some seconds, since the worker looks at it once a second
    events = list(
        client.images.generate(
            model="easel-mini", prompt="a red apple", stream=True, partial_images=1, extra_body={"steps": 60}
        )
    )

    assert [event.type for event in events] == ["image_generation.partial_image", "image_generation.completed"]
    partial, done = (picture(event) for event in events)
    assert partial.format == done.format == "PNG"
    assert ImageChops.difference(partial.convert("RGB").resize((256, 256)), done).getbbox() is not None


def test_calls_at_a_time(stack: Stack) -> None:
    async def ask() -> list[Any]:
        async with AsyncOpenAI(base_url=str(stack.http.base_url), api_key="none", max_retries=0) as client:
            calls = [client.images.generate(prompt=f"{i} apples", size="128x128", extra_body=FAST) for i in range(6)]
            return await asyncio.gather(*calls)

    assert [answer.size for answer in asyncio.run(ask())] == ["128x128"] * 6


def test_a_client_that_hangs_up_for_good_stops_the_drawing(stack: Stack) -> None:
    # Given a long job, on a stack that waits two seconds for a client that hung up
    def castle() -> Any:
        jobs = stack.http.get("/v1/generations").json()["data"]
        return next((job for job in jobs if job["seeds"][0] == 99), {"status": "to come"})

    async def ask() -> None:
        async with AsyncOpenAI(base_url=f"{stack.http.base_url}/v1", api_key="none", max_retries=0) as client:
            asking = client.images.generate(
                prompt="a castle", n=10, size="384x384", extra_body={"steps": 100, "seed": 99}
            )
            # When its client hangs up as soon as it is drawn, and does not come back
            calling = asyncio.create_task(asking)
            await asyncio.to_thread(until, lambda: castle()["status"] == "running", 60, "the drawing")
            calling.cancel()

    asyncio.run(ask())
    # Then it is canceled after that time
    ended = stack.finish(castle()["id"])
    assert (ended["status"], ended["error"]) == ("canceled", None)


def test_the_models(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()][:2] == ["easel-mini-turbo", "easel-mini"]
