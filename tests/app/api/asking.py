"""How tests of the native API ask for pictures."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

APPLE = {"prompt": "a red apple"}


def submit(client: TestClient, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/generations", json={**APPLE, **body})
    assert response.status_code == 202, response.text
    answer: dict[str, Any] = response.json()
    return answer
