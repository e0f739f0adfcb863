"""images.edit and images.create_variation of the official client: what reaches the worker, and what is refused."""

from __future__ import annotations

import asyncio
import base64
import io
from typing import Any

import httpx
import openai as wheel
import pytest
from openai import AsyncOpenAI, OpenAI
from PIL import Image

from core.errors import QuotaExceeded
from core.results import ResultStore, input_key
from core.settings import Settings
from core.store import JobStore
from tests.app.answers import request_of
from tests.app.fake_worker import PICTURE, FakeWorker
from tests.app.wires.openai.files import file_of, hole, plain

RED = file_of(plain())
HOLE = file_of(hole())


def job_of(server: str, answer: Any) -> dict[str, Any]:
    """The job as the native API shows it."""
    job: dict[str, Any] = httpx.get(f"{server}/v1/generations/{answer.id}").json()
    return job


def stored(settings: Settings, job_id: str, name: str) -> Image.Image:
    return Image.open(io.BytesIO(ResultStore(settings.results_location).read(input_key(job_id, name, 0, "png"))))


@pytest.mark.usefixtures("drawing")
def test_an_edit_with_a_mask_is_inpainting(openai: OpenAI, server: str, settings: Settings) -> None:
    answer = openai.images.edit(
        model="gpt-image-1",
        image=RED,
        mask=HOLE,
        prompt="a hat",
        n=2,
        extra_body={"seed": 7, "steps": 5, "negative_prompt": "rain", "metadata": {"order": "1"}},
    )

    assert answer.data is not None
    assert [base64.b64decode(image.b64_json or "") for image in answer.data] == [PICTURE, PICTURE]
    job = job_of(server, answer)
    asked = request_of(job)
    assert (asked["task"], asked["strength"], asked["seeds"]) == ("inpaint", 1.0, [7, 8])
    assert (asked["prompt"], asked["negative_prompt"], asked["num_inference_steps"]) == ("a hat", "rain", 5)
    assert job["metadata"] == {"order": "1"}
    # and the worker finds the picture, and a mask that is white where the client's was transparent
    assert stored(settings, job["id"], "image").getcolors() == [(256 * 256, (255, 0, 0))]
    mask = stored(settings, job["id"], "mask")
    assert (mask.mode, mask.getpixel((0, 100)), mask.getpixel((255, 100))) == ("L", 255, 0)


@pytest.mark.usefixtures("drawing")
def test_without_a_mask_transparency_is_the_mask(openai: OpenAI, server: str) -> None:
    answer = openai.images.edit(image=HOLE, prompt="a hat")

    assert job_of(server, answer)["task"] == "inpaint"


@pytest.mark.usefixtures("drawing")
@pytest.mark.parametrize(
    ("fields", "strength"),
    [({}, 0.8), ({"input_fidelity": "high"}, 0.5), ({"extra_body": {"strength": 0.3}}, 0.3)],
)
def test_without_a_mask_the_picture_is_drawn_over(
    openai: OpenAI, server: str, settings: Settings, fields: dict[str, Any], strength: float
) -> None:
    answer = openai.images.edit(image=[RED], prompt="a hat", **fields)

    job = job_of(server, answer)
    assert (job["task"], job["parameters"]["strength"]) == ("image-to-image", strength)
    with pytest.raises(FileNotFoundError):
        stored(settings, job["id"], "mask")


@pytest.mark.usefixtures("drawing")
@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_a_variation(openai: OpenAI, server: str) -> None:
    answer = openai.images.create_variation(image=RED, n=2, size="1024x1024", response_format="url", model="dall-e-2")

    asked = request_of(job_of(server, answer))
    assert (asked["task"], asked["strength"], asked["prompt"]) == ("image-to-image", 0.6, "")
    assert answer.data is not None
    assert [httpx.get(image.url or "").content for image in answer.data] == [PICTURE, PICTURE]


@pytest.mark.usefixtures("drawing")
@pytest.mark.parametrize(
    ("given", "size", "made"),
    [
        ((300, 200), None, (288, 192)),
        ((3000, 2000), "auto", (320, 224)),
        ((64, 64), "auto", (256, 256)),
        ((300, 200), "256x256", (256, 256)),
    ],
)
def test_the_size_follows_the_picture(
    openai: OpenAI, server: str, settings: Settings, given: tuple[int, int], size: Any, made: tuple[int, int]
) -> None:
    answer = openai.images.edit(image=file_of(plain(*given), "JPEG"), prompt="a hat", size=size or wheel.omit)

    assert answer.size == f"{made[0]}x{made[1]}"
    assert stored(settings, job_of(server, answer)["id"], "image").size == made


@pytest.mark.usefixtures("drawing")
def test_what_a_file_says_beside_its_pixels_is_dropped(openai: OpenAI, settings: Settings) -> None:
    # Given a photo that lies on its side and says where it was taken, with a program behind it
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "at home"
    photo = file_of(plain(256, 128), "JPEG", exif=exif) + b"<script>alert(1)</script>"
    # When it is edited
    answer = openai.images.edit(image=("photo.png", photo, "image/png"), prompt="a hat")
    # Then it stands upright, and nothing but pixels was kept
    key = input_key(answer.id, "image", 0, "png")  # type: ignore[attr-defined]
    content = ResultStore(settings.results_location).read(key)
    kept = Image.open(io.BytesIO(content))
    assert (kept.format, kept.size, kept.info, dict(kept.getexif())) == ("PNG", (128, 256), {}, {})
    assert b"script" not in content


@pytest.mark.usefixtures("drawing")
def test_deleting_the_job_deletes_what_was_given(openai: OpenAI, server: str, settings: Settings) -> None:
    answer = openai.images.edit(image=RED, mask=HOLE, prompt="a hat")
    job = job_of(server, answer)

    assert httpx.delete(job["urls"]["get"]).status_code == 204
    for name in ("image", "mask"):
        with pytest.raises(FileNotFoundError):
            stored(settings, job["id"], name)


def test_a_refused_job_leaves_no_file(settings: Settings, openai: OpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(wheel.BadRequestError):
        openai.images.edit(model="mini", image=RED, prompt="a hat", n=5)

    def full(store: JobStore, new: object) -> None:
        raise QuotaExceeded(retry_after=1)

    monkeypatch.setattr(JobStore, "submit", full)
    with pytest.raises(wheel.RateLimitError):
        openai.images.edit(image=RED, prompt="a hat")

    results = settings.data_dir / "results"
    assert [path for path in results.rglob("*") if path.is_file()] == []


@pytest.mark.usefixtures("drawing")
def test_the_async_client(server: str) -> None:
    async def ask() -> Any:
        async with AsyncOpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0) as client:
            return await client.images.edit(image=io.BytesIO(RED), mask=io.BytesIO(HOLE), prompt="a hat")

    assert job_of(server, asyncio.run(ask()))["task"] == "inpaint"


@pytest.mark.parametrize(
    ("fields", "param", "code", "words"),
    [
        ({"image": [RED, RED]}, "image", "unsupported_value", "takes no picture to go by"),
        ({"image": b"GIF89a"}, "image", "invalid_image", "cannot be read as a PNG, JPEG or WebP"),
        ({"mask": file_of(plain())}, "mask", "invalid_value", "must be transparent where"),
        ({"mask": file_of(hole(128, 128))}, "mask", "invalid_value", "128x128 pixels and 'image' 256x256"),
        ({"markup": RED}, "markup", "unsupported_value", "takes 'image' and 'mask'"),
        ({"prompt": ""}, "prompt", "invalid_value", "must say what to draw"),
        ({"n": 11}, "n", "invalid_value", "at most 10"),
        ({"size": "1x"}, "size", "invalid_size", "WIDTHxHEIGHT"),
        ({"model": "flux-tiny"}, "model", "invalid_value", "model 'flux-tiny' does not do image-to-image"),
        ({"model": "flux-tiny", "mask": HOLE}, "model", "invalid_value", "model 'flux-tiny' does not do inpaint"),
        ({"background": "transparent"}, "background", "unsupported_value", "draws transparency"),
        ({"frame_count": 2}, "frame_count", "unsupported_value", "not done by this server"),
        ({"extra_body": {"strength": 0}}, "strength", "invalid_value", "strength"),
        ({"extra_body": {"seed": "x"}}, "seed", "invalid_value", "must be an integer"),
        ({"extra_body": {"loras": "x"}}, "loras", "unknown_parameter", "there is no 'loras' here"),
        ({"extra_body": {"metadata": "x"}}, "metadata", "invalid_value", "must be a JSON object"),
    ],
)
def test_a_wrong_field_is_named(openai: OpenAI, fields: dict[str, Any], param: str, code: str, words: str) -> None:
    with pytest.raises(wheel.BadRequestError) as refused:
        openai.images.edit(**{"image": RED, "prompt": "a hat", **fields})

    error = refused.value
    assert (error.param, error.code) == (param, code), error.message
    assert words in error.message


def test_forms_that_are_none(server: str) -> None:
    url = f"{server}/v1/images/edits"
    for request, status, param in (
        ({"json": {"prompt": "a hat"}}, 415, "Content-Type"),
        ({"data": {"prompt": "a hat"}}, 415, "Content-Type"),
        ({"content": b"no form", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 400, None),
        ({"content": b"no form", "headers": {"Content-Type": "multipart/form-data"}}, 400, None),
        ({"files": {"mask": RED}, "data": {"prompt": "a hat"}}, 400, "image"),
        ({"files": {"mask": RED}, "data": {"prompt": "a hat", "image": "x"}}, 400, "image"),
    ):
        answer = httpx.post(url, **request)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["error"]["param"]) == (status, param), answer.text


def test_a_form_from_somebody_else_s_page_is_refused(server: str) -> None:
    url, own = f"{server}/v1/images/edits", {"Origin": server}
    form = {"files": {"image": RED}, "data": {"prompt": "a hat", "n": "11"}}

    for headers, param in (({"Origin": "https://evil.test"}, "Origin"), ({"Origin": "null"}, "Origin"), (own, "n")):
        assert httpx.post(url, **form, headers=headers).json()["error"]["param"] == param  # type: ignore[arg-type]


def test_bodies_that_are_too_large(openai: OpenAI) -> None:
    for size in (21, 45):
        with pytest.raises(wheel.APIStatusError) as refused:
            openai.images.edit(image=RED[:8] + bytes(size * 2**20), prompt="a hat")
        assert (refused.value.status_code, refused.value.code) == (413, "payload_too_large")


def test_a_retry_of_an_edit_finds_its_job(server: str, worker: FakeWorker) -> None:
    # Given a client that hangs up after five seconds and comes back
    with OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=1, timeout=5.0) as client:
        with pytest.raises(wheel.APITimeoutError):
            client.images.edit(image=RED, mask=HOLE, prompt="a hat")
    # Then there is one job
    assert len(httpx.get(f"{server}/v1/generations").json()["data"]) == 1
