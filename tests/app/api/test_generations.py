"""Asking for pictures and looking at what becomes of it, over the real store."""

from __future__ import annotations

import logging
import threading

import pytest
from fastapi.testclient import TestClient

from tests.app.answers import request_of
from tests.app.api.asking import APPLE, submit
from tests.app.conftest import Connect
from tests.app.fake_worker import FakeWorker


def test_a_prompt_is_accepted_with_every_default_filled_in(client: TestClient) -> None:
    response = client.post("/v1/generations", json=APPLE)
    job = response.json()

    assert response.status_code == 202
    assert response.headers["location"] == job["urls"]["get"] == f"http://127.0.0.1:8000/v1/generations/{job['id']}"
    assert int(response.headers["retry-after"]) >= 1
    assert (job["object"], job["status"], job["queue_position"]) == ("generation", "queued", 1)
    asked = request_of(job)
    assert (asked["model"], asked["width"], asked["height"], asked["num_inference_steps"]) == ("mini", 256, 256, 20)
    assert len(asked["seeds"]) == 1
    assert asked["output"] == {"format": "png", "quality": None}


def test_what_was_asked_comes_back(client: TestClient) -> None:
    body = {
        "prompt": "a blue car",
        "negative_prompt": "blurry",
        "model": "mini",
        "width": 128,
        "height": 160,
        "num_inference_steps": 5,
        "guidance_scale": 0,
        "scheduler": "heun",
        "seed": 4294967295,
        "n": 2,
        "output": {"format": "webp", "quality": 80},
        "webhook": "https://example.com/hook?a=b",
        "metadata": {"user": "42"},
    }

    job = submit(client, **body)

    asked = request_of(job)
    assert asked["seeds"] == [4294967295, 0]
    assert asked["guidance_scale"] == 0
    assert (job["webhook"], job["metadata"]) == (body["webhook"], body["metadata"])
    assert {name: asked[name] for name in asked if name in body} == {name: body[name] for name in asked if name in body}


def test_null_is_the_same_as_leaving_a_field_out(client: TestClient) -> None:
    job = submit(client, width=None, seed=None, model=None, scheduler=None, webhook=None)

    assert job["parameters"]["width"] == 256


def test_a_job_from_the_queue_to_its_pictures(client: TestClient, worker: FakeWorker) -> None:
    # Given a queued job behind another
    submit(client)
    job = submit(client, n=2, seed=7)
    assert job["queue_position"] == 2

    # When a worker takes both and is in the middle of the second
    worker.draw_next()
    claim = worker.claim()
    worker.step(claim, 3, 20)

    # Then its progress shows, and when to ask again
    response = client.get(job["urls"]["get"])
    running = response.json()
    assert response.headers["retry-after"] == "1"
    assert (running["status"], running["attempts"], running["queue_position"]) == ("running", 1, None)
    assert running["progress"] == {"stage": "denoise", "step": 3, "steps": 20}

    # And at its end there is a picture a seed
    worker.finish(claim)
    response = client.get(job["urls"]["get"])
    done = response.json()
    assert "retry-after" not in response.headers
    assert (done["status"], done["progress"]) == ("succeeded", None)
    assert [(image["index"], image["seed"]) for image in done["outputs"]] == [(0, 7), (1, 8)]
    assert done["timings"] == {"denoise": 0.1}
    assert client.get(done["outputs"][1]["url"]).status_code == 200


def test_a_failed_job_says_why(client: TestClient, worker: FakeWorker) -> None:
    job = submit(client)
    worker.fail(worker.claim())

    failed = client.get(job["urls"]["get"]).json()

    assert failed["status"] == "failed"
    assert failed["error"] == {"code": "out_of_memory", "message": "the picture does not fit the device"}


def test_the_wait_grows_with_the_queue(client: TestClient) -> None:
    for _ in range(3):
        response = client.post("/v1/generations", json=APPLE)

    assert 1 < int(response.headers["retry-after"]) <= 30


@pytest.mark.parametrize("job_id", ["gen_" + "0" * 40, "gen_0", "GEN_" + "0" * 40, "x" * 3000, "%00", "..%2f..", "é"])
def test_an_unknown_job_is_not_found(client: TestClient, job_id: str) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/events")):
        response = client.request(method, f"/v1/generations/{job_id}{path}")

        assert response.status_code == 404, (method, path)
        assert response.json()["error"]["code"] in ("generation_not_found", "not_found")


class TestLimits:
    def test_a_full_queue_of_one_key_is_429(self, connect: Connect) -> None:
        with connect(max_queued_per_key=2) as client:
            submit(client)
            submit(client)
            response = client.post("/v1/generations", json=APPLE)

        assert response.status_code == 429
        assert response.json()["error"]["type"] == "rate_limit_error"
        assert int(response.headers["retry-after"]) >= 1

    def test_a_full_queue_is_503(self, connect: Connect) -> None:
        with connect(max_queued=2) as client:
            submit(client)
            submit(client)
            response = client.post("/v1/generations", json=APPLE)

        assert response.status_code == 503
        assert response.json()["error"]["code"] == "queue_full"
        assert int(response.headers["retry-after"]) >= 1


def test_prompts_are_not_logged(client: TestClient, worker: FakeWorker, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        submit(client, prompt="canary-prompt", negative_prompt="canary-negative", metadata={"a": "canary-label"})
        client.post("/v1/generations", json={"prompt": "canary-wrong", "widht": 3})
        worker.draw_next()

    assert caplog.records
    assert not [record for record in caplog.records if "canary" in str(record.__dict__)]


def test_urls_follow_the_public_address(connect: Connect) -> None:
    with connect(public_url="https://pictures.example/") as client:
        job = submit(client)

    assert job["urls"]["get"] == f"https://pictures.example/v1/generations/{job['id']}"


def test_threads_end_with_the_app(connect: Connect) -> None:
    before = threading.active_count()
    for _ in range(3):
        with connect() as client:
            submit(client)
    assert threading.active_count() <= before + 2


def test_seed_minus_one_is_drawn_and_told(client: TestClient) -> None:
    # Given two requests for a random seed
    seeds = [request_of(submit(client, seed=-1, n=2))["seeds"] for _ in range(2)]
    # Then each job has real ones, one after the other, and not the same
    assert all(0 <= first < 2**32 and second == (first + 1) % 2**32 for first, second in seeds)
    assert seeds[0] != seeds[1]
