"""Pictures that guide a request: read, prepared, checked against the model, told in the job; keys limited to some."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image, ImageDraw
from redis import Redis

from core.keys import KeyPolicy, Scope
from core.results import ResultStore, input_key
from core.settings import Settings
from core.store import KeyStore
from tests.app.conftest import MODELS, connected
from tests.app.wires.openai.files import file_of, plain

ADAPTERS = """
[adapters.inked]
source = "inked.safetensors"
family = "sd15"

[adapters.canny]
kind = "controlnet"
source = "canny"
family = "sd15"
weight = 0.8
preprocessor = "canny"

[adapters.union]
kind = "controlnet"
source = "union"
family = "sd15"
modes = { pose = 0, depth = 1 }

[adapters.go-by]
kind = "ip-adapter"
source = "go-by.safetensors"
family = "sd15"
weight = 0.6

[adapters.flux-canny]
kind = "controlnet"
source = "flux-canny"
family = "flux"
"""


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    settings.catalog.write_text(MODELS + ADAPTERS)
    with connected(settings) as client:
        yield client


def a_square() -> Image.Image:
    """White on green: edges around it, and nowhere else."""
    picture = Image.new("RGB", (320, 256), "green")
    ImageDraw.Draw(picture).rectangle((100, 80, 220, 180), fill="white")
    return picture


def as_text(picture: Image.Image) -> str:
    return base64.b64encode(file_of(picture)).decode()


def post(client: TestClient, **inputs: Any) -> Any:
    return client.post("/v1/generations", json={"prompt": "a fox", "inputs": inputs})


def stored(settings: Settings, job: dict[str, Any], role: str, index: int = 0) -> Image.Image:
    content = ResultStore(settings.results_location).read(input_key(job["id"], role, index, "png"))
    return Image.open(io.BytesIO(content))


def test_a_control_picture_is_made_what_its_adapter_wants(client: TestClient, settings: Settings) -> None:
    # When one is given to an adapter for edges, and another to one of several kinds
    control = [
        {"adapter": "canny", "image": as_text(a_square()), "start": 0.1, "end": 0.9},
        {"adapter": "union", "image": as_text(a_square()), "scale": 0.5, "mode": "depth"},
    ]
    job = post(client, control=control).json()
    # Then the task is that of words alone, at the size of the first picture, as near as the model draws
    assert job["task"] == "text-to-image"
    assert (job["parameters"]["width"], job["parameters"]["height"]) == (320, 256)
    # And the job tells how they are meant
    first, second = job["inputs"]
    assert (first["role"], first["index"], second["index"]) == ("control", 0, 1)
    assert first["guide"] == {
        "adapter": "canny",
        "weight": 0.8,
        "start": 0.1,
        "end": 0.9,
        "mode": None,
        "preprocessor": "canny",
        "thresholds": [100, 200],
    }
    assert (second["guide"]["weight"], second["guide"]["mode"], second["guide"]["preprocessor"]) == (
        0.5,
        "depth",
        "none",
    )
    # And what the model is shown are the edges, and the picture itself
    edges = stored(settings, job, "control")
    assert {colour for _, colour in edges.getcolors() or []} == {(0, 0, 0), (255, 255, 255)}
    assert edges.getpixel((160, 130)) == (0, 0, 0)
    assert stored(settings, job, "control", 1).getpixel((160, 130)) == (255, 255, 255)


def test_a_reference_stays_as_it_is(client: TestClient, settings: Settings) -> None:
    job = post(client, reference=[{"image": as_text(plain(90, 60))}], image=as_text(plain(256, 256))).json()
    assert job["task"] == "image-to-image"
    guide = next(each["guide"] for each in job["inputs"] if each["role"] == "reference")
    assert (guide["adapter"], guide["weight"]) == ("go-by", 0.6)
    assert stored(settings, job, "reference").size == (90, 60)


def test_a_large_reference_is_kept_no_larger_than_models_look_at(client: TestClient, settings: Settings) -> None:
    job = post(client, reference=[{"image": as_text(plain(3000, 1500))}]).json()
    assert stored(settings, job, "reference").size == (1536, 768)
    assert job["inputs"][0]["facts"] == {"width": 1536, "height": 768}


def test_files_of_a_form_take_the_places_left_open(client: TestClient, settings: Settings) -> None:
    said = {"control": [{"adapter": "union", "mode": "pose"}, {"adapter": "canny", "preprocessor": "none"}]}
    job = client.post(
        "/v1/generations",
        data={"prompt": "a fox", "inputs": json.dumps(said)},
        files=[("control", file_of(plain(256, 256))), ("control", file_of(a_square()))],
    ).json()
    assert [each["guide"]["adapter"] for each in job["inputs"]] == ["union", "canny"]
    assert stored(settings, job, "control", 1).getpixel((128, 128)) == (255, 255, 255)


PICTURE = as_text(plain(64, 64))


@pytest.mark.parametrize(
    ("inputs", "status", "code", "param", "words"),
    [
        ({"control": [{"adapter": "cany", "image": PICTURE}]}, 404, "adapter_not_found", "inputs.control.0", "'canny'"),
        (
            {"control": [{"adapter": "flux-canny", "image": PICTURE}]},
            400,
            "adapter_not_fitting",
            "inputs.control.0",
            "go 'canny', 'union'",
        ),
        (
            {"control": [{"adapter": "inked", "image": PICTURE}]},
            400,
            "adapter_not_fitting",
            "inputs.control.0",
            "'inked' (lora)",
        ),
        ({"control": [{"image": PICTURE}]}, 400, "missing_required_parameter", "inputs.control.0", "canny, union"),
        ({"control": [{"adapter": "canny"}]}, 400, "missing_required_parameter", "inputs.control.0.image", "required"),
        (
            {"control": [{"adapter": "union", "image": PICTURE}]},
            400,
            "invalid_value",
            "inputs.control.0",
            "'union' does pose, depth",
        ),
        (
            {"control": [{"adapter": "canny", "image": PICTURE, "mode": "pose"}]},
            400,
            "invalid_value",
            "inputs.control.0",
            "but one kind",
        ),
        (
            {"control": [{"adapter": "canny", "image": PICTURE, "start": 0.6, "end": 0.5}]},
            400,
            "invalid_value",
            "inputs.control.0",
            "ends at 0.5",
        ),
        (
            {"control": [{"adapter": "canny", "image": PICTURE, "scale": 11}]},
            400,
            "invalid_value",
            "inputs.control.0.scale",
            "at most 10",
        ),
        (
            {"control": [{"adapter": "canny", "image": PICTURE}] * 5},
            400,
            "invalid_value",
            "inputs.control",
            "at most 4",
        ),
        (
            {"control": [{"adapter": "canny", "image": PICTURE, "thresholds": [100, 9**20]}]},
            400,
            "invalid_value",
            "inputs.control.0.thresholds.1",
            "at most 2000",
        ),
        (
            {"control": [{"adapter": "canny", "image": base64.b64encode(b"GIF89a").decode()}]},
            400,
            "invalid_image",
            "inputs.control.0.image",
            "PNG",
        ),
        ({"control": [{"adapter": "canny", "image": "no"}]}, 400, "invalid_value", "inputs.control.0.image", "picture"),
        ({"controls": []}, 400, "unknown_parameter", "inputs.controls", "control"),
        (
            {"reference": [{"adapter": "canny", "image": PICTURE}]},
            400,
            "adapter_not_fitting",
            "inputs.reference.0",
            "go-by",
        ),
    ],
)
def test_wrong_guides_are_named(
    client: TestClient, inputs: dict[str, Any], status: int, code: str, param: str, words: str
) -> None:
    answer = post(client, **inputs)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert words in error["message"]


def test_a_call_that_says_something_else_of_its_guides_is_another_one(client: TestClient) -> None:
    def ask(scale: float) -> Any:
        control = [{"adapter": "canny", "image": PICTURE, "scale": scale}]
        body = {"prompt": "a fox", "inputs": {"control": control}}
        return client.post("/v1/generations", json=body, headers={"Idempotency-Key": "one"})

    first, again, other = ask(0.5), ask(0.5), ask(0.6)
    assert again.json()["id"] == first.json()["id"]
    assert other.status_code == 422
    assert other.json()["error"]["code"] == "idempotency_key_reused"


def test_a_preprocessor_can_be_looked_at(client: TestClient) -> None:
    as_form = client.post("/v1/preprocessors/canny", files={"image": file_of(a_square())})
    as_json = client.post("/v1/preprocessors/canny", json={"image": as_text(a_square()), "width": 160, "height": 128})
    assert as_form.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(as_form.content)).size == (320, 256)
    assert Image.open(io.BytesIO(as_json.content)).size == (160, 128)
    form = {"thresholds": "10,2000"}
    strict = client.post("/v1/preprocessors/canny", data=form, files={"image": file_of(a_square())})
    assert strict.status_code == 200, strict.text
    assert strict.content != as_form.content
    # And none that there is not, and nothing but pictures
    assert client.post("/v1/preprocessors/depth", files={"image": file_of(a_square())}).status_code == 400
    assert client.post("/v1/preprocessors/canny", json={}).json()["error"]["code"] == "missing_required_parameter"


def test_openai_s_wire_takes_pictures_beside_the_first_as_references(client: TestClient, settings: Settings) -> None:
    pictures = [("image[]", ("a.png", file_of(plain(256, 256)))), ("image[]", ("b.png", file_of(plain(40, 40))))]
    answer = client.post("/v1/images/edits", data={"prompt": "a fox", "model": "flux-tiny"}, files=pictures)
    assert answer.status_code == 400
    assert "takes no picture to go by" in answer.json()["error"]["message"]


def test_openai_s_wire_takes_guides_beside_its_own_fields(client: TestClient) -> None:
    body = {"prompt": "a fox", "inputs": {"control": [{"adapter": "cany", "image": PICTURE}]}}
    error = client.post("/v1/images/generations", json=body).json()["error"]
    assert (error["code"], error["param"]) == ("adapter_not_found", "inputs.control.0")
    # In a form, as JSON
    form = {"prompt": "a fox", "inputs": json.dumps(body["inputs"])}
    error = client.post("/v1/images/edits", data=form, files={"image": file_of(plain(64, 64))}).json()["error"]
    assert (error["code"], error["param"]) == ("adapter_not_found", "inputs.control.0")


def test_a_key_may_be_limited_to_some_adapters(client: TestClient, redis: Redis) -> None:
    # Given a key for one adapter
    root = KeyStore(redis).create(KeyPolicy(name="root", scopes=(Scope.ADMIN,))).text
    client.headers["Authorization"] = f"Bearer {root}"
    issued = client.post("/v1/keys", json={"name": "shop", "adapters": ["canny"]}).json()
    error = client.post("/v1/keys", json={"name": "shop", "adapters": ["cany"]}).json()["error"]
    assert (error["code"], error["param"]) == ("adapter_not_found", "adapters")
    client.headers["Authorization"] = f"Bearer {issued['key']}"
    # Then it sees that one, and may ask for it
    models = {model["id"]: model for model in client.get("/v1/models").json()["data"]}
    assert [row["id"] for row in models["mini"]["adapters"]] == ["canny"]
    assert post(client, control=[{"adapter": "canny", "image": PICTURE}]).status_code == 202
    # And for no other
    refused = post(client, reference=[{"adapter": "go-by", "image": PICTURE}])
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "adapter_not_allowed")


def test_words_may_be_left_out_where_pictures_say_what_to_draw(client: TestClient) -> None:
    for words in ({}, {"prompt": "  "}):
        body = {"inputs": {"reference": [{"image": PICTURE}] * 2}, **words}
        made = client.post("/v1/generations", json=body)
        assert (made.status_code, made.json()["parameters"]["prompt"].strip()) == (202, "")
    refused = client.post("/v1/generations", json={"prompt": " "})
    assert refused.json()["error"]["message"] == "'prompt' must say what to draw; it is empty"
