"""Pictures made larger, cut out and described by networks: what is asked for, and going on from what comes of it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from core.results import ResultStore, input_key
from core.settings import Settings
from tests.app.api.test_children import child, parent
from tests.app.conftest import MODELS
from tests.app.fake_worker import FakeWorker
from tests.app.wires.openai.files import file_of

NETWORKS = """
[up4]
source = "up4.safetensors"
family = "upscaler"
scale = 4

[up2]
source = "up2.safetensors"
family = "upscaler"
scale = 2

[cutter]
source = "matte.safetensors"
family = "matte"

[teller]
source = "describer.safetensors"
family = "describer"

[adapters.words]
kind = "describer"
source = "describer.safetensors"
models = ["mini"]
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A catalogue with networks."""
    Path(settings.catalog).write_text(MODELS + NETWORKS)
    return settings


def finished(client: TestClient, worker: FakeWorker, settings: Settings, job: dict[str, Any]) -> dict[str, Any]:
    """`job`, worked off; its picture is a real one of the size that it is said to have."""
    assert worker.draw_next() == job["id"]
    done: dict[str, Any] = client.get(f"/v1/generations/{job['id']}").json()
    facts = done["outputs"][0]["facts"]
    if "width" in facts:
        picture = Image.new("RGB", (facts["width"], facts["height"]), "green")
        ResultStore(settings.results_location).put(f"{job['id']}/1/0.png", file_of(picture))
    return done


@pytest.mark.parametrize(
    ("said", "model", "scale"),
    [
        ({}, "up2", 2.0),
        ({"scale": 4}, "up4", 4.0),
        ({"scale": 3}, "up4", 3.0),
        ({"model": "up4", "scale": 2}, "up4", 2.0),
    ],
)
def test_a_picture_is_made_larger_by_what_fits(
    client: TestClient, worker: FakeWorker, settings: Settings, said: dict[str, Any], model: str, scale: float
) -> None:
    # Given a picture
    job, picture = parent(client, worker, settings, prompt="a fox", output={"format": "webp", "quality": 70})
    ResultStore(settings.results_location).put(f"{job}/1/0.webp", file_of(picture, "WEBP"))
    # When it is to be larger
    answer = child(client, job, "upscale", **said)
    # Then the least network that does it does, and it stays a file of its kind
    assert answer.status_code == 202, answer.text
    larger = answer.json()
    assert (larger["task"], larger["model"], larger["parameters"]) == ("upscale", model, {"scale": scale})
    assert larger["output"] == {"format": "webp", "quality": 70}
    assert larger["parents"] == [{"generation": job, "index": 0}]
    kept = ResultStore(settings.results_location).read(input_key(larger["id"], "image", 0, "png"))
    assert Image.open(io.BytesIO(kept)).size == (256, 256)


def test_creative_is_the_model_that_drew_it(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    job, _ = parent(client, worker, settings, prompt="a fox", negative_prompt="blur", num_inference_steps=9)
    larger = child(client, job, "upscale", mode="creative", scale=3, strength=0.4).json()
    assert (larger["task"], larger["model"]) == ("creative-upscale", "mini")
    told = larger["parameters"]
    assert (told["prompt"], told["negative_prompt"], told["scale"], told["strength"]) == ("a fox", "blur", 3.0, 0.4)
    assert (told["width"], told["height"], told["num_inference_steps"]) == (256, 256, 9)


def test_a_picture_is_cut_out_and_described(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    job, _ = parent(client, worker, settings, prompt="a fox")
    cut = child(client, job, "remove-background").json()
    assert (cut["task"], cut["model"], cut["output"]["format"]) == ("remove-background", "cutter", "png")
    finished(client, worker, settings, cut)
    words = finished(client, worker, settings, child(client, job, "describe").json())
    assert (words["task"], words["model"], words["output"]["format"]) == ("image-to-text", "teller", "txt")
    assert [output["facts"]["text"] for output in words["outputs"]] == ["words 0", "words 1", "words 2", "words 3"]
    file = client.get(words["outputs"][1]["url"])
    assert file.headers["content-type"].startswith("text/plain")


def test_one_goes_on_from_a_larger_picture_as_from_the_drawn_one(
    client: TestClient, worker: FakeWorker, settings: Settings
) -> None:
    # Given a picture that was made larger, and cut out
    job, _ = parent(client, worker, settings, prompt="a fox", num_inference_steps=9)
    larger = finished(client, worker, settings, child(client, job, "upscale", scale=4).json())
    assert larger["outputs"][0]["facts"] == {"width": 1024, "height": 1024}
    cut = finished(client, worker, settings, child(client, larger["id"], "remove-background").json())
    # When somebody goes on from it
    varied = child(client, cut["id"], "vary", strength="strong").json()
    panned = child(client, larger["id"], "pan", direction="left").json()
    again = child(client, larger["id"], "reroll").json()
    # Then it is by the words and the model of the drawn one, in a size that it draws
    assert (varied["model"], varied["task"], varied["parameters"]["prompt"]) == ("mini", "image-to-image", "a fox")
    assert (varied["parameters"]["width"], varied["parameters"]["height"]) == (256, 256)
    assert (panned["task"], panned["parameters"]["width"], panned["parameters"]["height"]) == ("inpaint", 384, 256)
    assert (again["task"], again["model"]) == ("upscale", "up4")


def test_the_drawn_one_may_be_gone(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    # Given a larger picture whose parent was deleted
    job, _ = parent(client, worker, settings, prompt="a fox")
    larger = finished(client, worker, settings, child(client, job, "upscale").json())
    assert client.delete(f"/v1/generations/{job}").status_code == 204
    # Then words are missing, and with words it goes on
    error = child(client, larger["id"], "vary").json()["error"]
    assert (error["code"], error["param"]) == ("missing_required_parameter", "prompt")
    assert child(client, larger["id"], "vary", prompt="a wolf").json()["model"] == "mini"


@pytest.mark.parametrize(
    ("action", "body", "param", "words"),
    [
        ("upscale", {"scale": 1}, "scale", "greater than 1"),
        ("upscale", {"scale": 5}, "scale", "scale 5 is over the 4 of model 'up4'"),
        ("upscale", {"scale": 4, "model": "up2"}, "scale", "over the 2 of model 'up2'"),
        ("upscale", {"prompt": "a wolf"}, "prompt", "'prompt' means nothing for upscale"),
        ("upscale", {"strength": 0.3}, "strength", "means nothing for upscale"),
        ("upscale", {"mode": "creative", "model": "up2"}, "model", "creative is the model that drew it"),
        ("upscale", {"mode": "creative", "scale": 5}, "scale", "at most 4"),
        ("upscale", {"model": "mini"}, "model", "'mini' does not do upscale"),
        ("upscale", {"model": "none"}, "model", "no model 'none'"),
        ("remove-background", {"model": "up2"}, "model", "does not do remove-background"),
        ("remove-background", {"prompt": "x"}, "prompt", "prompt"),
        ("describe", {"n": 11}, "n", "at most 10"),
        ("reframe", {"ratio": "9:1"}, "ratio", "beyond 1:4 and 4:1"),
    ],
)
def test_what_cannot_be_is_said(
    client: TestClient,
    worker: FakeWorker,
    settings: Settings,
    action: str,
    body: dict[str, Any],
    param: str,
    words: str,
) -> None:
    job, _ = parent(client, worker, settings, prompt="a fox")
    answer = child(client, job, action, **body)
    assert answer.status_code in (400, 404, 422), answer.text
    assert answer.json()["error"]["param"] == param
    assert words in answer.json()["error"]["message"]


def test_a_picture_may_become_too_large(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    job, _ = parent(client, worker, settings, prompt="a fox")
    once = finished(client, worker, settings, child(client, job, "upscale", scale=4).json())
    twice = finished(client, worker, settings, child(client, once["id"], "upscale", scale=4).json())
    assert twice["outputs"][0]["facts"]["width"] == 4096
    error = child(client, twice["id"], "upscale", scale=2).json()["error"]
    assert "over 4096 pixels a side" in error["message"]


def test_words_are_no_picture_to_go_on_from(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    job, _ = parent(client, worker, settings, prompt="a fox")
    words = finished(client, worker, settings, child(client, job, "describe").json())
    for action in ("vary", "upscale", "pan", "describe"):
        answer = child(client, words["id"], action)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "no_picture")


def test_any_picture_may_be_given_without_a_child_s_route(client: TestClient, settings: Settings) -> None:
    # Given a picture from elsewhere
    upload = client.post("/v1/uploads", files={"file": ("a.png", file_of(Image.new("RGB", (300, 200), "red")))}).json()
    inputs = {"image": {"upload": upload["id"]}}
    # When tasks are named, and no model
    for task, model in (("upscale", "up4"), ("remove-background", "cutter"), ("image-to-text", "teller")):
        made = client.post("/v1/generations", json={"task": task, "inputs": inputs})
        # Then the first model that does it does
        assert (made.status_code, made.json()["model"]) == (202, model)
    wrong = client.post("/v1/generations", json={"task": "upscale", "inputs": inputs, "output": {"format": "txt"}})
    assert wrong.json()["error"]["param"] == "output.format"
    guided = client.post("/v1/generations", json={"task": "upscale", "inputs": {**inputs, "reference": [upload["id"]]}})
    assert guided.status_code in (400, 422)


def test_models_tell_what_they_do(client: TestClient) -> None:
    listed = {model["id"]: model["tasks"] for model in client.get("/v1/models").json()["data"]}
    assert (listed["up4"], listed["cutter"], listed["teller"]) == (
        ["upscale"],
        ["remove-background"],
        ["image-to-text"],
    )
    assert "creative-upscale" in listed["mini"]


def test_a_blend_is_gone_on_from_by_what_it_went_by(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    # Given a picture that was drawn by another one, without words
    upload = client.post("/v1/uploads", files={"file": ("a.png", file_of(Image.new("RGB", (64, 64), "red")))}).json()
    body = {"inputs": {"reference": [{"image": {"upload": upload["id"]}}]}}
    job = finished(client, worker, settings, client.post("/v1/generations", json=body).json())
    # When somebody goes on from it
    for action, said in (("zoom", {}), ("pan", {}), ("vary", {}), ("upscale", {"mode": "creative"})):
        answer = child(client, job["id"], action, **said)
        # Then it goes by the same
        assert answer.status_code == 202, (action, answer.text)
        assert [each["role"] for each in answer.json()["inputs"]].count("reference") == 1


def test_creative_leaves_out_that_copies_join(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    job, _ = parent(client, worker, settings, prompt="a fox", tiling=True)
    larger = child(client, job, "upscale", mode="creative").json()
    assert (larger["parameters"]["tiling"], "copies join no more" in larger["notes"][0]) == (False, True)


def test_tiles_count_as_work(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    job, _ = parent(client, worker, settings, prompt="a fox")
    larger = finished(client, worker, settings, child(client, job, "upscale", scale=4).json())
    error = child(client, larger["id"], "upscale", mode="creative", scale=3, n=2).json()["error"]
    assert (error["param"], "tiles" in error["message"]) == ("scale", True)


def test_the_same_is_not_made_twice(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    job, _ = parent(client, worker, settings, prompt="a fox")
    for action in ("upscale", "remove-background"):
        error = child(client, job, action, n=2).json()["error"]
        assert (error["param"], "the same of every seed" in error["message"]) == ("n", True)


def test_what_a_network_makes_first_is_bounded_too(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    upload = client.post("/v1/uploads", files={"file": ("a.png", file_of(Image.new("RGB", (3000, 20), "red")))}).json()
    body = {"task": "upscale", "model": "up4", "scale": 1.2, "inputs": {"image": {"upload": upload["id"]}}}
    error = client.post("/v1/generations", json=body).json()["error"]
    assert (error["param"], "2048 pixels a side" in error["message"]) == ("model", True)
    assert client.post("/v1/generations", json={**body, "model": "up2"}).status_code == 202


def test_transparency_that_is_lost_is_said_to_be(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    job, _ = parent(client, worker, settings, prompt="a fox")
    ResultStore(settings.results_location).put(f"{job}/1/0.png", file_of(Image.new("RGBA", (256, 256), (9, 9, 9, 0))))
    assert child(client, job, "upscale").json()["notes"] == ["what was transparent was laid on white"]
