"""LoRAs in requests: filled in, checked against the model, told in the job and in the list of models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from core.settings import Settings
from tests.app.conftest import MODELS, connected
from tests.app.wires.openai.files import file_of, plain

ADAPTERS = """
[adapters.inked]
source = "inked.safetensors"
family = "sd15"
weight = 0.7
trigger_words = ["inked"]
description = "Ink on paper."

[adapters.pixel-art]
source = "pixel-art.safetensors"
models = ["mini"]

[adapters.other]
source = "other.safetensors"
family = "flux"
"""


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    settings.catalog.write_text(MODELS + ADAPTERS)
    with connected(settings) as client:
        yield client


def post(client: TestClient, *loras: dict[str, Any], **body: Any) -> Any:
    return client.post("/v1/generations", json={"prompt": "a fox", **body, "adapters": {"loras": loras}})


def test_a_job_has_the_loras_that_were_asked_for(client: TestClient) -> None:
    # When two are asked for, one of them without a weight
    job = post(client, {"id": "inked"}, {"id": "pixel-art", "weight": -0.5}).json()
    # Then the job shows both, with the weight that the catalogue has for the first
    assert job["adapters"] == {"loras": [{"id": "inked", "weight": 0.7}, {"id": "pixel-art", "weight": -0.5}]}
    assert client.get(f"/v1/generations/{job['id']}").json()["adapters"] == job["adapters"]


def test_one_that_weighs_nothing_is_left_out(client: TestClient) -> None:
    assert post(client, {"id": "inked", "weight": 0}).json()["adapters"] == {"loras": []}


@pytest.mark.parametrize(
    ("loras", "status", "code", "param", "words"),
    [
        ([{"id": "inkd"}], 404, "adapter_not_found", "adapters.loras.0.id", "this server has 'inked', 'pixel-art'"),
        (
            [{"id": "inked"}, {"id": "other"}],
            400,
            "adapter_not_fitting",
            "adapters.loras.1.id",
            "adapter 'other' does not go with model 'mini': of this server's LoRAs go 'inked', 'pixel-art'",
        ),
        ([{"id": "inked"}, {"id": "inked"}], 400, "invalid_value", "adapters.loras.1.id", "named twice"),
        (
            [{"id": "inked", "weight": 11}],
            400,
            "invalid_value",
            "adapters.loras.0.weight",
            "must be at most 10.0, not 11",
        ),
        ([{"id": "inked"}] * 9, 400, "invalid_value", "adapters.loras", "at most 8"),
        ([{"name": "inked"}], 400, "unknown_parameter", "adapters.loras.0.name", "there is no"),
    ],
)
def test_wrong_loras_are_named(
    client: TestClient, loras: list[dict[str, Any]], status: int, code: str, param: str, words: str
) -> None:
    answer = post(client, *loras)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert words in error["message"]


def test_tags_in_the_prompt_are_read_where_a_request_asks_for_that(client: TestClient) -> None:
    # Given a prompt with a tag, and another LoRA beside it
    body = {"prompt": "a fox <lora:inked:0.5>, red", "adapters": {"tags": True, "loras": [{"id": "pixel-art"}]}}
    job = client.post("/v1/generations", json=body).json()
    # Then both guide, and the tag is no word
    assert {row["id"]: row["weight"] for row in job["adapters"]["loras"]} == {"pixel-art": 1.0, "inked": 0.5}
    assert job["parameters"]["prompt"] == "a fox , red"
    # And one that there is not is said, by the field that named it
    body["prompt"] = "a fox <lora:inkd>"
    error = client.post("/v1/generations", json=body).json()["error"]
    assert (error["code"], error["param"]) == ("adapter_not_found", "prompt")
    # Without being asked for, it is a word as any other
    job = client.post("/v1/generations", json={"prompt": "a <lora:inked:0.5> fox"}).json()
    assert job["parameters"]["prompt"] == "a <lora:inked:0.5> fox"


def test_the_list_of_models_tells_what_goes_with_each(client: TestClient) -> None:
    models = {model["id"]: model for model in client.get("/v1/models").json()["data"]}
    assert [row["id"] for row in models["mini"]["adapters"]] == ["inked", "pixel-art"]
    assert models["mini"]["adapters"][0] == {
        "id": "inked",
        "kind": "lora",
        "preprocessor": "none",
        "modes": [],
        "weight": 0.7,
        "trigger_words": ["inked"],
        "description": "Ink on paper.",
        "license": "",
    }
    assert [row["id"] for row in models["flux-tiny"]["adapters"]] == ["other"]


def test_a_form_has_them_as_json(client: TestClient) -> None:
    form = {"prompt": "a fox", "adapters": '{"loras": [{"id": "inked", "weight": 0.5}]}'}
    job = client.post("/v1/generations", data=form, files={"image": file_of(plain(64, 64))}).json()
    assert job["adapters"] == {"loras": [{"id": "inked", "weight": 0.5}]}
    # And so on OpenAI's wire
    form["adapters"] = '{"loras": [{"id": "inkd"}]}'
    error = client.post("/v1/images/edits", data=form, files={"image": file_of(plain(64, 64))}).json()["error"]
    assert (error["code"], error["param"]) == ("adapter_not_found", "adapters.loras.0.id")


def test_openai_s_wire_takes_them_beside_its_own_fields(client: TestClient) -> None:
    body = {"prompt": "a fox", "adapters": {"loras": [{"id": "inkd"}]}}
    error = client.post("/v1/images/generations", json=body).json()["error"]
    assert (error["code"], error["param"]) == ("adapter_not_found", "adapters.loras.0.id")
