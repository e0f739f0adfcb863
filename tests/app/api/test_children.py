"""Jobs that go on from a finished picture: what they ask for, what they start from, and what is refused."""

from __future__ import annotations

import io
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from pydantic import SecretStr

from core.results import ResultStore, input_key
from core.settings import Settings
from tests.app.api.test_inputs import drawn
from tests.app.conftest import KEY, OTHER_KEY, Connect
from tests.app.fake_worker import FakeWorker
from tests.app.wires.openai.files import file_of


def parent(client: TestClient, worker: FakeWorker, settings: Settings, **body: Any) -> tuple[str, Image.Image]:
    """A finished job, and its picture: a different colour in every corner."""
    job = drawn(client, worker, settings, **body)
    picture = Image.new("RGB", (256, 256))
    for n, colour in enumerate(("red", "green", "blue", "yellow")):
        picture.paste(colour, (128 * (n % 2), 128 * (n // 2), 128 * (n % 2) + 128, 128 * (n // 2) + 128))
    ResultStore(settings.results_location).put(f"{job}/1/0.png", file_of(picture))
    return job, picture


def child(client: TestClient, job: str, action: str, **body: Any) -> Any:
    return client.post(f"/v1/generations/{job}/outputs/0/{action}", json=body)


def stored(settings: Settings, job: dict[str, Any], role: str) -> Image.Image:
    content = ResultStore(settings.results_location).read(input_key(job["id"], role, 0, "png"))
    return Image.open(io.BytesIO(content))


def test_a_reroll_is_the_same_with_another_seed(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    job, _ = parent(client, worker, settings, prompt="a fox", seed=7, num_inference_steps=9)
    answer = child(client, job, "reroll", n=2)
    assert answer.status_code == 202, answer.text
    again = answer.json()
    assert (again["task"], again["parameters"]["prompt"], again["parameters"]["num_inference_steps"]) == (
        "text-to-image",
        "a fox",
        9,
    )
    assert len(again["seeds"]) == 2
    assert 7 not in again["seeds"]


def test_a_variation_is_drawn_over_the_picture(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    # Given a picture in few steps
    job, picture = parent(client, worker, settings, prompt="a fox", num_inference_steps=4)
    # When it is varied subtly, strongly, by a number
    subtle, strong, said = (
        child(client, job, "vary", **body).json() for body in ({}, {"strength": "strong"}, {"strength": 0.5, "seed": 3})
    )
    # Then less or more is drawn anew, in enough steps that some are done
    assert [each["parameters"]["strength"] for each in (subtle, strong, said)] == [0.35, 0.7, 0.5]
    assert [each["parameters"]["num_inference_steps"] for each in (subtle, strong, said)] == [9, 5, 6]
    assert subtle["task"] == "image-to-image"
    assert subtle["parents"] == [{"generation": job, "index": 0}]
    assert stored(settings, subtle, "image").tobytes() == picture.tobytes()
    assert said["seeds"] == [3]


def test_a_part_is_varied_by_a_mask(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    job, _ = parent(client, worker, settings)
    upload = client.post("/v1/uploads", files={"file": ("m.png", file_of(Image.new("RGB", (256, 256), "white")))})
    varied = child(client, job, "vary", mask={"upload": upload.json()["id"]}, prompt="a hat").json()
    assert (varied["task"], varied["parameters"]["strength"]) == ("inpaint", 1.0)
    assert varied["parameters"]["prompt"] == "a hat"


def test_a_remix_has_other_words(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    job, _ = parent(client, worker, settings, prompt="a fox")
    remixed = child(client, job, "remix", prompt="a wolf").json()
    assert (remixed["parameters"]["prompt"], remixed["parameters"]["strength"]) == ("a wolf", 0.75)
    assert child(client, job, "remix").json()["error"]["code"] == "missing_required_parameter"


def test_a_pan_keeps_the_picture_and_masks_what_is_new(
    client: TestClient, worker: FakeWorker, settings: Settings
) -> None:
    job, picture = parent(client, worker, settings)
    panned = child(client, job, "pan", direction="right", by=0.25).json()
    assert panned["task"] == "inpaint"
    assert (panned["parameters"]["width"], panned["parameters"]["height"]) == (320, 256)
    image, mask = stored(settings, panned, "image"), stored(settings, panned, "mask")
    assert image.size == mask.size == (320, 256)
    assert image.crop((0, 0, 256, 256)).tobytes() == picture.tobytes()
    assert mask.crop((0, 0, 256, 256)).getextrema() == (0, 0)
    assert mask.crop((256, 0, 320, 256)).getextrema() == (255, 255)


def test_a_zoom_makes_it_smaller(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    job, _ = parent(client, worker, settings)
    zoomed = child(client, job, "zoom", factor=2).json()
    assert (zoomed["parameters"]["width"], zoomed["parameters"]["height"]) == (256, 256)
    image, mask = stored(settings, zoomed, "image"), stored(settings, zoomed, "mask")
    assert image.getpixel((80, 80)) == (255, 0, 0)
    assert (mask.getpixel((63, 63)), mask.getpixel((64, 64)), mask.getpixel((191, 191))) == (255, 0, 0)


def test_a_reframed_picture_has_the_shape(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    job, _ = parent(client, worker, settings)
    wide = child(client, job, "reframe", ratio="3:2").json()
    assert (wide["parameters"]["width"], wide["parameters"]["height"]) == (384, 256)


def test_an_extended_picture_has_its_margins(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    job, picture = parent(client, worker, settings, prompt="a fox")
    answer = child(client, job, "extend", left=32, bottom=64, prompt="a wood")
    assert answer.status_code == 202, answer.text
    wider = answer.json()
    assert (wider["task"], wider["parameters"]["prompt"]) == ("inpaint", "a wood")
    assert wider["parents"] == [{"generation": job, "index": 0}]
    image, mask = stored(settings, wider, "image"), stored(settings, wider, "mask")
    assert image.size == mask.size == (288, 320)
    assert image.crop((32, 0, 288, 256)).tobytes() == picture.tobytes()
    assert mask.crop((32, 0, 288, 256)).getextrema() == (0, 0)
    assert mask.crop((0, 0, 32, 320)).getextrema() == mask.crop((0, 256, 288, 320)).getextrema() == (255, 255)


@pytest.mark.parametrize(
    ("action", "body", "param", "words"),
    [
        ("extend", {}, "left", "must be more than 0"),
        ("extend", {"right": -1}, "right", "must be at least 0"),
        ("extend", {"top": 100, "bottom": 60}, "top", "384 at most"),
        ("vary", {"strength": "much"}, "strength", "subtle"),
        ("vary", {"strength": 1.5}, "strength", "1"),
        ("reframe", {}, "ratio", "required"),
        ("pan", {"direction": "back"}, "direction", "left"),
        ("zoom", {"factor": 1}, "factor", "greater than 1"),
        ("reframe", {"ratio": "wide"}, "ratio", "must match"),
        ("reroll", {"sed": 3}, "sed", "seed"),
    ],
)
def test_what_is_wrong_is_named(
    client: TestClient,
    worker: FakeWorker,
    settings: Settings,
    action: str,
    body: dict[str, Any],
    param: str,
    words: str,
) -> None:
    job, _ = parent(client, worker, settings)
    answer = child(client, job, action, **body)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error["param"].startswith(param)
    assert words in error["message"]


def test_only_a_finished_picture_of_one_s_own_has_children(
    connect: Connect, settings: Settings, worker: FakeWorker
) -> None:
    with connect(api_keys=(SecretStr(KEY), SecretStr(OTHER_KEY))) as client:
        client.headers["Authorization"] = f"Bearer {KEY}"
        job, _ = parent(client, worker, settings)
        waiting = client.post("/v1/generations", json={"prompt": "a fox"}).json()["id"]
        assert child(client, waiting, "reroll").json()["error"]["code"] == "job_not_finished"
        assert client.post(f"/v1/generations/{job}/outputs/7/reroll", json={}).status_code == 404
        client.headers["Authorization"] = f"Bearer {OTHER_KEY}"
        assert child(client, job, "vary").status_code == 404


def test_the_same_call_makes_one_child(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    job, _ = parent(client, worker, settings)
    address = f"/v1/generations/{job}/outputs/0/vary"
    first, again, other = (
        client.post(address, json=body, headers={"Idempotency-Key": "one"}) for body in ({}, {}, {"strength": "strong"})
    )
    assert first.json()["id"] == again.json()["id"]
    assert other.status_code == 422
