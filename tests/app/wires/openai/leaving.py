"""A client that hangs up before it has its pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection


@contextmanager
def calling(server: str, headers: dict[str, str] | None = None, **body: object) -> Iterator[None]:
    """Asks for pictures, and hangs up at the end of the block."""
    given = {"Content-Type": "application/json", **(headers or {})}
    with closing(HTTPConnection(server.removeprefix("http://"))) as client:
        client.request("POST", "/v1/images/generations", json.dumps({"prompt": "a red apple", **body}), given)
        yield
