"""The signing secret: one a key, and nobody else's."""

from __future__ import annotations

import base64

from fastapi.testclient import TestClient
from pydantic import SecretStr
from redis import Redis

from core.keys import KeyPolicy
from core.store import KeyStore
from core.webhooks import secret_of_owner
from tests.app.conftest import KEY, Connect


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


def test_each_key_has_its_own(connect: Connect, redis: Redis) -> None:
    # Given a server with a secret, an operator's key and two keys that were made
    keys = KeyStore(redis)
    secret = "whsec_" + base64.b64encode(b"s" * 32).decode()
    issued = [keys.create(KeyPolicy(name=name)) for name in ("one", "other")]
    with connect(webhook_secret=SecretStr(secret), api_keys=(SecretStr(KEY),)) as client:

        def told(text: str) -> str:
            response = client.get("/v1/webhooks/secret", headers={"Authorization": f"Bearer {text}"})
            return str(response.json()["key"])

        one, other, operators = told(issued[0].text), told(issued[1].text), told(KEY)

    # Then each of them is told what theirs are signed with, and it gives nobody else's away
    assert operators == secret
    assert (one, other) == tuple(secret_of_owner(secret, made.key.owner) for made in issued)
    assert len({one, other, secret}) == 3
    assert len(base64.b64decode(one.removeprefix("whsec_"))) == 32
