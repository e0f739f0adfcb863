"""The OpenAPI document is true: whatever it allows is accepted, whatever it does not is refused as it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from redis import Redis

from app.auth.routes import RouteTable
from core.keys import KeyPolicy
from core.settings import Settings
from core.store import KeyStore
from tests.app.conftest import MODELS, Connect, serving
from tests.app.fake_worker import FakeWorker

EXAMPLES = 12
ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_schemathesis_finds_nothing(settings: Settings, tmp_path: Path) -> None:
    settings.catalog.write_text(MODELS.partition("[flux-tiny]")[0])  # with several, what fits depends on which
    with serving(settings) as url, FakeWorker(settings):
        command = [
            Path(sys.executable).with_name("schemathesis"),
            "--config-file",
            ROOT / "schemathesis.toml",
            *("run", f"{url}/openapi.json", "--seed", "1", "--max-examples", str(EXAMPLES), "--no-color"),
        ]
        env = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.app.http.schemathesis_hooks", "PYTHONPATH": str(ROOT)}
        run = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=280)

    assert run.returncode == 0, run.stdout[-6000:]


def test_every_route_says_what_it_does(client: TestClient) -> None:
    document = client.get("/openapi.json").json()

    names = set()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            where = f"{method} {path}"
            names.add(operation["operationId"])
            assert operation["summary"], where
            assert operation["description"], where
            for status, answer in operation["responses"].items():
                assert answer["description"], where
                if status >= "400":
                    schema = answer["content"]["application/json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/ErrorEnvelope"}, where
    assert {"create_generation", "get_generation", "list_generations", "cancel_generation"} <= names
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_the_models_bound_the_fields(client: TestClient) -> None:
    fields = client.get("/openapi.json").json()["components"]["schemas"]["GenerationInput"]["properties"]

    width = fields["width"]["anyOf"][0]
    assert (width["minimum"], width["maximum"], width["multipleOf"]) == (128, 2048, 8)
    assert fields["model"]["anyOf"][0]["enum"] == ["mini", "flux-tiny"]


def test_the_examples_are_accepted(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()["components"]["schemas"]["GenerationInput"]

    assert schema["examples"]
    for example in schema["examples"]:
        assert client.post("/v1/generations", json=example).status_code == 202


def test_who_may_call_what_is_in_the_document(client: TestClient, redis: Redis) -> None:
    # Given a server without keys, then keys may be sent where a first key would make them needed
    assert _securities(client) == {"key": [{}, {"key": []}], "public": None}

    # When a key is made in the store, then the document that was read before says that one is needed
    KeyStore(redis).create(KeyPolicy(name="first"))
    assert _securities(client) == {"key": [{"key": []}], "public": None}


def _securities(client: TestClient) -> dict[str, object]:
    """What operations say of keys, by whether their routes are public."""
    document = client.get("/openapi.json").json()
    found: dict[str, object] = {}
    for row in RouteTable(client.app.routes).rows:  # type: ignore[attr-defined]
        for method in row.methods:
            operation = document["paths"].get(row.path, {}).get(method.lower())
            if operation is None:
                continue
            kind = "public" if row.access.public else "key"
            assert found.setdefault(kind, operation.get("security")) == operation.get("security"), row.path
            assert (kind == "key") == ("401" in operation["responses"]) == ("403" in operation["responses"]), row.path
            assert "429" in operation["responses"] or not row.access.metered, row.path
    return found


def test_the_document_does_not_wait_for_redis(connect: Connect) -> None:
    with connect(redis_url="redis://127.0.0.1:1") as client:
        document = client.get("/openapi.json").json()
        assert document["paths"]["/v1/models"]["get"]["security"] == [{"key": []}]
        assert client.head("/openapi.json").status_code == 200
