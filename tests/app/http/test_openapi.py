"""The OpenAPI document is true: whatever it allows is accepted, whatever it does not is refused as it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from core.settings import Settings
from tests.app.conftest import MODELS, serving
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
