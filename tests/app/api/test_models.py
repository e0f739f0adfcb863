"""The models as clients see them."""

from __future__ import annotations

from fastapi.testclient import TestClient

from tests.app.fake_worker import FakeWorker


def test_every_model_with_its_limits(client: TestClient) -> None:
    page = client.get("/v1/models").json()

    mini, flux = page["data"]
    assert page["object"] == "list"
    assert (mini["id"], mini["is_default"], mini["ready"]) == ("mini", True, False)
    assert mini["size"] == {"minimum": 128, "maximum": 384, "multiple": 32, "width": 256, "height": 256}
    assert (mini["family"], mini["license"], mini["tasks"]) == ("sd15", "Apache-2.0", ["text-to-image"])
    assert (flux["is_default"], flux["negative_prompt"], flux["schedulers"]) == (False, False, ["flow-match-euler"])
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
