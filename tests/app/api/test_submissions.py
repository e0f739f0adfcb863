"""What a request may say: every wrong field is named, with its value and what would be right."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

WRONG: list[tuple[dict[str, Any], str, str, str]] = [
    # the change to a good body, param, code, a part of the message
    ({"prompt": 5}, "prompt", "invalid_type", "must be a string, not 5"),
    ({"prompt": None}, "prompt", "missing_required_parameter", "is required"),
    ({"prompt": ""}, "prompt", "invalid_value", "must say what to draw"),
    ({"prompt": " \n\u3000"}, "prompt", "invalid_value", "must say what to draw"),
    ({"prompt": "x" * 8001}, "prompt", "invalid_value", "at most 8000 characters, not 8001"),
    ({"prompt": "a\x00b"}, "prompt", "invalid_value", "NUL"),
    ({"negative_prompt": "a\x00b"}, "negative_prompt", "invalid_value", "NUL"),
    ({"promt": "x"}, "promt", "unknown_parameter", "did you mean 'prompt'?"),
    ({"steps": 3}, "steps", "unknown_parameter", "did you mean 'num_inference_steps'?"),
    ({"colour": "red"}, "colour", "unknown_parameter", "it takes prompt, negative_prompt"),
    ({"output": {"fmt": "png"}}, "output.fmt", "unknown_parameter", "did you mean 'format'?"),
    ({"output": {"format": "gif"}}, "output.format", "invalid_value", "one of 'png', 'jpeg' or 'webp', not \"gif\""),
    ({"output": {"format": "jpeg", "quality": 101}}, "output.quality", "invalid_value", "at most 100, not 101"),
    ({"output": {"quality": 90}}, "output.quality", "invalid_value", "lossless"),
    ({"output": "png"}, "output", "invalid_type", "must be an object"),
    ({"width": "512"}, "width", "invalid_type", 'must be an integer, not "512"'),
    ({"width": True}, "width", "invalid_type", "must be an integer, not true"),
    ({"width": 256.5}, "width", "invalid_type", "must be an integer, not 256.5"),
    ({"width": 250}, "width", "invalid_value", "256 would fit"),
    ({"height": 4096}, "height", "invalid_value", "384 would fit"),
    ({"height": 10**30}, "height", "invalid_value", "at most 4096"),
    ({"num_inference_steps": 0}, "num_inference_steps", "invalid_value", "at least 1, not 0"),
    ({"num_inference_steps": 101}, "num_inference_steps", "invalid_value", "over the 100 of model 'mini'"),
    ({"guidance_scale": -0.5}, "guidance_scale", "invalid_value", "at least 0.0, not -0.5"),
    ({"guidance_scale": "7"}, "guidance_scale", "invalid_type", 'must be a number, not "7"'),
    ({"guidance_scale": 10**400}, "guidance_scale", "invalid_type", "must be a number, not 1000"),
    ({"noise_schedule": "lu"}, "noise_schedule", "invalid_value", "does not fit scheduler 'euler'"),
    ({"scheduler": "eular"}, "scheduler", "invalid_value", "'euler'"),
    ({"scheduler": "flow-match-euler"}, "scheduler", "invalid_value", "does not fit model 'mini'"),
    ({"seed": -2}, "seed", "invalid_value", "at least -1, not -2"),
    ({"seed": 2**32}, "seed", "invalid_value", "at most 4294967295, not 4294967296"),
    ({"n": 11}, "n", "invalid_value", "at most 10, not 11"),
    ({"n": 5}, "n", "invalid_value", "over the 4 of model 'mini'"),
    ({"n": 4, "width": 384, "height": 384, "num_inference_steps": 100}, "n", "invalid_value", "fewer images"),
    ({"model": "flux-tiny", "negative_prompt": "blur"}, "negative_prompt", "invalid_value", "takes no negative_prompt"),
    ({"metadata": {"a": 1}}, "metadata.a", "invalid_type", "must be a string, not 1"),
    ({"metadata": {"k" * 65: "v"}}, "metadata." + "k" * 65, "invalid_value", "at most 64 characters"),
    ({"metadata": {"": "v"}}, "metadata.", "invalid_value", "must not be empty"),
    ({"metadata": {"k": "v" * 513}}, "metadata.k", "invalid_value", "at most 512 characters, not 513"),
    ({"metadata": {str(i): "" for i in range(17)}}, "metadata", "invalid_value", "at most 16 entries, not 17"),
    ({"metadata": []}, "metadata", "invalid_type", "must be an object, not []"),
]


@pytest.mark.parametrize(("change", "param", "code", "words"), WRONG, ids=lambda value: str(value)[:40])
def test_what_is_wrong_is_said(client: TestClient, change: dict[str, Any], param: str, code: str, words: str) -> None:
    response = client.post("/v1/generations", json={"prompt": "a red apple", **change})

    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["param"], error["code"], error["type"]) == (param, code, "invalid_request_error")
    assert words in error["message"]
    assert len(error["message"]) < 600


def test_all_that_is_wrong_is_said_at_once(client: TestClient) -> None:
    error = client.post("/v1/generations", json={"width": "1", "n": 0}).json()["error"]

    assert error["param"] == "width"
    assert error["code"] == "invalid_type"
    assert error["message"] == "'width' must be an integer, not \"1\"; 'n' must be at least 1, not 0"


def test_an_unknown_model_is_not_found(client: TestClient) -> None:
    response = client.post("/v1/generations", json={"prompt": "x", "model": "nothing"})

    assert response.status_code == 404
    assert response.json()["error"]["code"] == "model_not_found"
    assert "'mini', 'flux-tiny'" in response.json()["error"]["message"]


@pytest.mark.parametrize("prompt", ["e\u0301", "🍎" * 8000, "\u202e", "<script>", "'; DROP", "${jndi:x}", "a\r\nb"])
def test_any_other_text_is_a_prompt(client: TestClient, prompt: str) -> None:
    response = client.post("/v1/generations", json={"prompt": prompt})

    assert response.status_code == 202
    assert response.json()["parameters"]["prompt"] == prompt.replace("e\u0301", "\u00e9")


def test_length_is_counted_after_normalisation(client: TestClient) -> None:
    assert client.post("/v1/generations", json={"prompt": "e\u0301" * 8000}).status_code == 202


def test_a_whole_number_may_be_written_with_a_point(client: TestClient) -> None:
    response = client.post("/v1/generations", content=b'{"prompt": "x", "n": 2.0, "width": 1.28e2}', headers=JSON)

    assert response.status_code == 202
    assert response.json()["parameters"]["width"] == 128


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "https://example.com:8443/a/b?c=d#e",
        "https://EXAMPLE.com",
        "https://[::1]:80/x",
        "http://127.0.0.1/hook",
        "https://a_b.example/%20",
    ],
)
def test_a_webhook_is_a_url(client: TestClient, url: str) -> None:
    response = client.post("/v1/generations", json={"prompt": "x", "webhook": url})

    assert (response.status_code, response.json().get("webhook")) == (202, url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://user@example.com",
        "https://user:secret@example.com/",
        "https://example.com\\@evil.test",
        "https://example.com/a b",
        " https://example.com",
        "https://example.com\n",
        "https://example.com/\x7f",
        "https://example.com:0",
        "https://example.com:65536",
        "https://ex\u00e4mple.com",
        "https://[::1",
        "https://[::g]/",
        "javascript:alert(1)",
        "https://example.com/" + "x" * 2048,
    ],
)
def test_anything_else_is_no_webhook(client: TestClient, url: str) -> None:
    response = client.post("/v1/generations", json={"prompt": "x", "webhook": url})

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "webhook"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("prompt", "model", "width", "n", "seed", "output", "metadata", "webhook", "scheduler", "guidance_scale")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=anything | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=8), anything, max_size=5))
def test_no_json_is_a_server_error(client: TestClient, body: object) -> None:
    response = client.post("/v1/generations", content=json.dumps(body), headers=JSON)

    assert response.status_code in (202, 400, 404, 429)
    assert response.status_code == 202 or set(response.json()) == {"error"}


def test_weights_are_refused_for_a_model_that_takes_none(client: TestClient) -> None:
    body = {"prompt": "a (red:1.3) apple", "prompt_syntax": "weighted"}

    taken = client.post("/v1/generations", json=body)
    refused = client.post("/v1/generations", json={**body, "model": "flux-tiny"})

    assert taken.status_code == 202
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "prompt_syntax"
