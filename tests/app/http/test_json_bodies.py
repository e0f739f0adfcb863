"""How a body is read: type, size, depth, and what JSON can spell but nobody can keep."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection

import pytest
from fastapi.testclient import TestClient

from app.http import json_bodies
from app.http.json_bodies import MAX_BYTES, parse
from core.errors import InvalidRequest

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "media_type", ["text/plain", "", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "json"]
)
def test_another_media_type_is_refused(client: TestClient, media_type: str) -> None:
    response = client.post("/v1/generations", content=b'{"prompt": "x"}', headers={"Content-Type": media_type})

    assert response.status_code == 415
    assert response.json()["error"]["param"] == "Content-Type"


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON", 'application/json; charset="UTF-8"'])
def test_json_is_taken_however_it_is_spelled(client: TestClient, media_type: str) -> None:
    response = client.post("/v1/generations", content=b'{"prompt": "x"}', headers={"Content-Type": media_type})

    assert response.status_code == 202


def test_a_missing_media_type_is_refused(client: TestClient) -> None:
    assert client.post("/v1/generations", content=b"{}").status_code == 415


def test_a_large_body_is_refused_before_it_is_parsed(client: TestClient) -> None:
    response = client.post("/v1/webhooks/endpoints", content=b"[" * (MAX_BYTES + 1), headers=JSON)

    assert response.status_code == 413
    assert "256 KiB" in response.json()["error"]["message"]


def test_a_large_body_is_refused_without_a_length(client: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(160):
            yield b" " * 65_536

    response = client.post("/v1/webhooks/endpoints", content=chunks(), headers=JSON)

    assert response.status_code == 413
    assert response.json()["error"]["code"] == "payload_too_large"


def test_a_body_at_the_limit_is_read(client: TestClient) -> None:
    body = b'{"prompt": "x"}'.ljust(MAX_BYTES)

    assert client.post("/v1/generations", content=body, headers=JSON).status_code == 202


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the body is empty"),
        (b"  \n", "the body is empty"),
        (b"{", "at line 1 column 2"),
        (b'{"prompt": "x",}', "not valid JSON"),
        (b"{'prompt': 'x'}", "not valid JSON"),
        (b'{"guidance_scale": NaN}', "NaN is not a number"),
        (b'{"guidance_scale": -Infinity}', "-Infinity is not a number"),
        (b'{"prompt": "\xff"}', "not UTF-8"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
        (b'{"prompt": "\\ud83c"}', "surrogate"),
        (b'{"\\udf4e": 1}', "surrogate"),
        (b'{"n": ' + b"9" * 5000 + b"}", "too long"),
        (b"[" * 21 + b"]" * 21, "deeper than 20"),
        (b"[" * 200_000, "deeper than 20"),
        (b'{"a":' * 40_000 + b"1" + b"}" * 40_000, "deeper than 20"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_json_is_refused(client: TestClient, content: bytes, words: str) -> None:
    response = client.post("/v1/generations", content=content, headers=JSON)

    assert response.status_code == 400
    assert words in response.json()["error"]["message"]


@pytest.mark.parametrize("content", [b"[]", b"1", b"null", b'"x"', b"true"])
def test_a_body_is_an_object(client: TestClient, content: bytes) -> None:
    response = client.post("/v1/generations", content=content, headers=JSON)

    assert response.status_code == 400
    assert "body" in response.json()["error"]["message"]


def test_an_infinite_number_is_refused(client: TestClient) -> None:
    response = client.post("/v1/generations", content=b'{"prompt": "x", "guidance_scale": 1e999}', headers=JSON)

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "guidance_scale"


def test_twenty_levels_are_read() -> None:
    parse(b"[" * 20 + b"]" * 20)
    with pytest.raises(InvalidRequest):
        parse(b"[" * 21 + b"]" * 21)


def stalled(server: str, length: int) -> tuple[int, bytes]:
    """Status and body of the answer to a request whose body stops after one byte."""
    with closing(HTTPConnection(server.removeprefix("http://"), timeout=60)) as slow:
        slow.request("POST", "/v1/webhooks/endpoints", b"{", {**JSON, "Content-Length": str(length)})
        answer = slow.getresponse()
        return answer.status, answer.read()


def test_a_body_that_does_not_arrive_is_not_waited_for(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_bodies, "MAX_SECONDS", 0.3)
    status, said = stalled(server, 100)

    assert status == 400
    assert b"did not arrive" in said


def test_a_large_body_need_not_arrive_to_be_refused(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_bodies, "MAX_DISCARD_SECONDS", 0.3)

    assert stalled(server, MAX_BYTES + 1)[0] == 413


def test_millions_of_small_values_are_never_parsed(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a body as large as a picture may be, of nothing but small values: parsing it would hold up everybody
    body = b'{"init_images": [' + b"1," * (15 * 2**20) + b"1]}"
    monkeypatch.setattr(json, "loads", pytest.fail)

    # Then it is refused by how many they are, on every route that takes pictures
    for path in ("/sdapi/v1/img2img", "/v1/generations"):
        response = client.post(path, content=body, headers=JSON)
        monkeypatch.undo()
        assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_json")
        assert "more than 10000 values" in response.json()["error"]["message"]


def test_large_bodies_are_parsed_beside_the_event_loop(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []
    parse_here = json_bodies.parse

    def noted(content: bytes) -> object:
        threads.append(threading.current_thread().name)
        return parse_here(content)

    monkeypatch.setattr(json_bodies, "parse", noted)
    for size in (10, 100_000):
        client.post("/v1/generations", content=b'{"prompt": "x"}'.ljust(size), headers=JSON)

    assert threads[0] != threads[1]
