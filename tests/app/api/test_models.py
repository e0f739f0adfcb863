"""The models as clients see them."""

from __future__ import annotations

from fastapi.testclient import TestClient
from redis import Redis

from core.keys import KeyPolicy
from core.settings import Settings
from core.store import KeyStore
from tests.app.conftest import Connect
from tests.app.fake_worker import FakeWorker


def test_every_model_with_its_limits(client: TestClient) -> None:
    page = client.get("/v1/models").json()

    mini, flux = page["data"]
    assert page["object"] == "list"
    assert (mini["id"], mini["is_default"], mini["ready"]) == ("mini", True, False)
    assert mini["size"] == {"minimum": 128, "maximum": 384, "multiple": 32, "width": 256, "height": 256}
    assert [mini["family"], mini["license"], mini["tasks"]] == [
        "sd15",
        "Apache-2.0",
        ["text-to-image", "image-to-image", "inpaint"],
    ]
    assert (flux["is_default"], flux["negative_prompt"], flux["schedulers"]) == (
        False,
        False,
        ["flow-match-euler", "own"],
    )
    assert "source" not in mini


def test_a_model_is_ready_while_a_living_worker_has_it(client: TestClient, worker: FakeWorker) -> None:
    worker.announce(models=("mini",))

    assert client.get("/v1/models/mini").json()["ready"] is True
    assert client.get("/v1/models/flux-tiny").json()["ready"] is False


def test_an_unknown_model_is_not_found(client: TestClient) -> None:
    for name in ("dall-e-3", "x" * 5000, "%00"):
        response = client.get(f"/v1/models/{name}")
        assert response.status_code == 404
        assert response.json()["error"]["code"] == "model_not_found"
        assert len(response.json()["error"]["message"]) < 300


def test_a_key_sees_the_models_that_it_may_use(client: TestClient, redis: Redis) -> None:
    # Given a key for one of the two
    text = KeyStore(redis).create(KeyPolicy(name="shop", models=("flux-tiny",))).text
    client.headers["Authorization"] = f"Bearer {text}"

    # When, then
    assert [model["id"] for model in client.get("/v1/models").json()["data"]] == ["flux-tiny"]
    assert client.get("/v1/models/flux-tiny").status_code == 200
    refused = client.get("/v1/models/mini")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "model_not_allowed")


def test_a_style_is_put_into_the_prompt(connect: Connect, settings: Settings) -> None:
    # Given a model with a style
    text = settings.catalog.read_text()
    settings.catalog.write_text(text.replace("[mini]", '[mini]\nstyles = { flat = "a flat icon of {prompt}" }'))

    with connect() as client:
        # When
        job = client.post("/v1/generations", json={"prompt": "a {fox}", "style": "flat"}).json()
        wrong = client.post("/v1/generations", json={"prompt": "a fox", "style": "oil"})

        # Then
        assert client.get("/v1/models/mini").json()["styles"] == {"flat": "a flat icon of {prompt}"}
    assert job["parameters"]["prompt"] == "a flat icon of a {fox}"
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "style")
    assert "it has flat" in wrong.json()["error"]["message"]
