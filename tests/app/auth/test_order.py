"""What is asked first: where a request comes from, then who sends it, and only then what it says."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.auth.routes import RouteTable
from app.main import create_app
from core.settings import Settings
from tests.app.conftest import KEY, Connect, serving

KEYS = (SecretStr(KEY),)
TWENTY_MIB = 20 * 1024 * 1024


def closed_writes(app: FastAPI) -> list[tuple[str, str]]:
    """The method and path of every route that a body may come to and that needs a key; and a wrong address."""
    found = [
        (method, row.path)
        for row in RouteTable(app.routes).rows
        for method in sorted(row.methods - {"GET", "HEAD"})
        if not row.access.public
    ]
    assert len(found) >= 15
    return [*found, ("POST", "/v1/nothing")]


async def status_of(app: FastAPI, method: str, path: str, headers: dict[str, str]) -> int:
    """The answer's status, if it comes without a look at the body."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError(f"{method} {path} reads the body of a stranger")

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    status: int = sent[0]["status"]
    return status


def test_a_strangers_body_is_not_read(settings: Settings) -> None:
    # Given a server with keys
    app = create_app(settings.model_copy(update={"api_keys": KEYS}))
    for kind in ("application/json", "multipart/form-data; boundary=x", "text/plain"):
        headers = {"Host": "localhost", "Content-Type": kind, "Content-Length": str(TWENTY_MIB)}
        for method, path in closed_writes(app):
            # When somebody without a key begins to send 20 MiB, then the answer is there before the first byte is read
            assert asyncio.run(status_of(app, method, path, headers)) == 401, (method, path)


def test_a_stranger_is_answered_before_the_upload(settings: Settings) -> None:
    # Given a server with keys, on a socket
    with serving(settings.model_copy(update={"api_keys": KEYS})) as url:
        where = urlsplit(url)
        with socket.create_connection((where.hostname, where.port or 80), timeout=10) as connection:
            # When a stranger announces a picture of 20 MiB and sends none of it
            head = f"POST /v1/images/edits HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: {TWENTY_MIB}\r\n"
            connection.sendall(f"{head}Content-Type: multipart/form-data; boundary=x\r\n\r\n".encode())

            # Then it is told at once that it needs a key
            assert connection.recv(1024).startswith(b"HTTP/1.1 401 ")


def test_a_stranger_does_not_learn_what_is_wrong_with_its_request(connect: Connect) -> None:
    with connect(api_keys=KEYS) as client:
        for wrong in ({"json": {"width": "x"}}, {"content": b"{"}, {"content": b"x" * 300_000}, {"files": {"y": b"z"}}):
            for path in ("/v1/generations", "/v1/images/generations", "/v1/images/edits", "/sdapi/v1/img2img"):
                answer = client.post(path, **wrong)
                assert (answer.status_code, answer.json()["error"]["param"]) == (401, "Authorization"), (path, wrong)


def test_where_it_comes_from_is_asked_before_who_sends_it(connect: Connect) -> None:
    with connect(api_keys=KEYS) as client:
        for path in ("/v1/generations", "/sdapi/v1/interrupt", "/v1/nothing", "/nothing", "/health/live", "/"):
            bad_host = client.post(path, headers={"Host": "a b"})
            other_page = client.post(path, headers={"Origin": "https://evil.example"})
            assert (bad_host.status_code, bad_host.json()["error"]["param"]) == (400, "Host"), path
            assert (other_page.status_code, other_page.json()["error"]["code"]) == (400, "cross_origin"), path


def test_a_rebound_name_reaches_no_route_of_a_server_without_keys(client: TestClient) -> None:
    for row in RouteTable(client.app.routes).rows:  # type: ignore[attr-defined]
        for method in row.methods:
            assert client.request(method, row.path, headers={"Host": "evil.test"}).status_code == 421, row.path
