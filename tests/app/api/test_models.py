"""The models as clients see them."""

from __future__ import annotations

from fastapi.testclient import TestClient
from redis import Redis

from core.catalog.model_failure import ModelFailure
from core.keys import KeyPolicy
from core.schedulers import FLOW_SCHEDULERS
from core.settings import Settings
from core.store import KeyStore, WorkerInfo, WorkerRegistry
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
        ["text-to-image", "image-to-image", "inpaint", "creative-upscale"],
    ]
    assert (flux["is_default"], flux["negative_prompt"]) == (False, False)
    assert flux["schedulers"] == [*FLOW_SCHEDULERS, "own"]
    assert flux["noise_schedules"]["flow-match-euler"] == ["automatic", "karras", "exponential", "beta"]
    assert "trailing" in mini["noise_schedules"]["euler"]
    assert "source" not in mini
    assert (mini["prompt_tokens"], mini["prompt_chunks"], mini["prompt_syntax"]) == (75, True, "plain")
    assert (flux["prompt_tokens"], flux["prompt_chunks"], flux["embeddings"]) == (512, False, [])


def test_a_model_is_ready_while_a_living_worker_has_it(client: TestClient, worker: FakeWorker) -> None:
    worker.announce(models=("mini",))

    assert client.get("/v1/models/mini").json()["ready"] is True
    assert client.get("/v1/models/flux-tiny").json()["ready"] is False


def test_an_unknown_model_is_not_found(client: TestClient) -> None:
    for name in ("nothing", "x" * 5000, "%00"):
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


def test_a_name_of_another_service_leads_to_the_model_that_draws_for_it(client: TestClient) -> None:
    assert client.get("/v1/models/dall-e-3").json()["id"] == "mini"
    # and is seen there, and taken by every call
    mini, flux = client.get("/v1/models").json()["data"]
    assert {"dall-e-3", "gpt-image-1"} <= {*mini["aliases"]}
    assert flux["aliases"] == []
    job = client.post("/v1/generations", json={"prompt": "a fox", "model": "dall-e-3"}).json()
    assert job["model"] == "mini"


def test_a_row_may_have_such_a_name_for_itself(connect: Connect, settings: Settings) -> None:
    # Given a row that has one of them as an alias
    text = settings.catalog.read_text()
    settings.catalog.write_text(text.replace("[flux-tiny]", '[flux-tiny]\naliases = ["dall-e-3"]'))
    with connect() as client:
        # Then it leads there, and the others where they did
        mini, flux = client.get("/v1/models").json()["data"]
    assert (flux["aliases"], "dall-e-3" in mini["aliases"], "dall-e-2" in mini["aliases"]) == (
        ["dall-e-3"],
        False,
        True,
    )


def test_an_alias_leads_to_its_model_once_the_file_has_it(client: TestClient, settings: Settings) -> None:
    # Given a running server
    assert client.get("/v1/models/stabilityai/sdxl").status_code == 404

    # When its catalogue gets an alias
    edited = settings.catalog.with_suffix(".new")
    edited.write_text(settings.catalog.read_text().replace('source = "flux-tiny"', 'source = "x"\naliases = ["a/b"]'))
    edited.replace(settings.catalog)
    client.app.state.services.watched_catalog._every = 0  # type: ignore[attr-defined] # a second is long for a test

    # Then it is there without a restart
    assert client.get("/v1/models/a/b").json()["id"] == "flux-tiny"
    assert "a/b" in client.get("/v1/models").json()["data"][1]["aliases"]


def test_why_a_model_failed_is_told_in_full_where_there_are_no_keys(
    client: TestClient, worker: FakeWorker, redis: Redis
) -> None:
    failure = ModelFailure(message="it could not be loaded", reason="OSError: /models/mini", since=1.0)
    info = WorkerInfo(
        name="w", queue="default", device="cpu", slots=1, models=("mini",), capabilities={}, failed={"mini": failure}
    )
    WorkerRegistry(redis).announce(info)
    seen = client.get("/v1/models/mini").json()
    assert (seen["ready"], seen["state"], seen["reason"]) == (False, "failed", "OSError: /models/mini")

    text = KeyStore(redis).create(KeyPolicy(name="shop", scopes=("read",))).text
    client.headers["Authorization"] = f"Bearer {text}"
    assert client.get("/v1/models/mini").json()["reason"] == "it could not be loaded"
