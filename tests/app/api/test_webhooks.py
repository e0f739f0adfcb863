"""The signing secret."""

from __future__ import annotations

import base64

from fastapi.testclient import TestClient
from pydantic import SecretStr

from tests.app.conftest import Connect


def test_a_secret_is_made_once_and_kept(client: TestClient, connect: Connect) -> None:
    response = client.get("/v1/webhooks/secret")
    with connect() as another:
        again = another.get("/v1/webhooks/secret")

    secret = response.json()["key"]
    assert again.json()["key"] == secret
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert response.headers["cache-control"] == "no-store"


def test_the_configured_secret_decides(connect: Connect) -> None:
    with connect(webhook_secret=SecretStr("whsec_configured")) as client:
        assert client.get("/v1/webhooks/secret").json()["key"] == "whsec_configured"
