"""POST, GET, list, cancel and delete over the real store."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from core.settings import Settings
from tests.app.conftest import Connect
from tests.app.fake_worker import FakeWorker

APPLE = {"prompt": "a red apple"}


def submit(client: TestClient, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/generations", json={**APPLE, **body})
    assert response.status_code == 202, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_a_prompt_is_accepted_with_every_default_filled_in(client: TestClient) -> None:
    response = client.post("/v1/generations", json=APPLE)
    job = response.json()

    assert response.status_code == 202
    assert response.headers["location"] == job["urls"]["get"] == f"http://127.0.0.1:8000/v1/generations/{job['id']}"
    assert int(response.headers["retry-after"]) >= 1
    assert (job["object"], job["status"], job["queue_position"]) == ("generation", "queued", 1)
    asked = job["input"]
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

    asked = job["input"]
    assert asked["seeds"] == [4294967295, 0]
    assert asked["guidance_scale"] == 0
    assert (job["webhook"], job["metadata"]) == (body["webhook"], body["metadata"])
    assert {name: asked[name] for name in asked if name in body} == {name: body[name] for name in asked if name in body}


def test_null_is_the_same_as_leaving_a_field_out(client: TestClient) -> None:
    job = submit(client, width=None, seed=None, model=None, scheduler=None, webhook=None)

    assert job["input"]["width"] == 256


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
    assert [(image["index"], image["seed"]) for image in done["images"]] == [(0, 7), (1, 8)]
    assert done["timings"] == {"denoise": 0.1}
    assert client.get(done["images"][1]["url"]).status_code == 200


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


class TestPreferWait:
    def test_the_finished_job_is_the_answer(self, client: TestClient, settings: Settings) -> None:
        with FakeWorker(settings):
            response = client.post("/v1/generations", json=APPLE, headers={"Prefer": "wait=20"})

        assert response.status_code == 200
        assert response.json()["status"] == "succeeded"
        assert response.headers["preference-applied"] == "wait=20"
        assert response.headers["location"]
        assert "retry-after" not in response.headers

    def test_a_job_that_takes_longer_is_answered_as_it_is(self, client: TestClient) -> None:
        began = time.monotonic()
        response = client.post("/v1/generations", json=APPLE, headers={"Prefer": "respond-async, wait=1"})

        assert response.status_code == 202
        assert response.json()["status"] == "queued"
        assert response.headers["preference-applied"] == "wait=1"
        assert 0.9 < time.monotonic() - began < 3

    def test_more_waiters_than_threads_cost_nothing(self, server: str, settings: Settings) -> None:
        limits = httpx.Limits(max_connections=100)
        with httpx.Client(base_url=server, timeout=30, limits=limits) as http, ThreadPoolExecutor(60) as pool:
            # Given more requests that wait than the app has threads
            headers = {"Prefer": "wait=20"}
            waits = [pool.submit(http.post, "/v1/generations", json=APPLE, headers=headers) for _ in range(60)]
            while len(http.get("/v1/generations?limit=100").json()["data"]) < len(waits):
                time.sleep(0.05)

            # Then others are served as if nothing was, and all waiters hear of their end
            began = time.monotonic()
            assert http.get("/health/live").status_code == 200
            assert time.monotonic() - began < 1
            with FakeWorker(settings):
                assert {wait.result().status_code for wait in waits} == {200}


class TestIdempotency:
    def test_the_same_request_again_is_the_same_job(self, client: TestClient) -> None:
        headers = {"Idempotency-Key": "order 42"}
        first = client.post("/v1/generations", json=APPLE, headers=headers)
        again = client.post("/v1/generations", content=b'{ "n": 1, "prompt":"a red apple"}', headers=headers | JSON)

        assert (first.status_code, again.status_code) == (202, 202)
        assert first.json()["id"] == again.json()["id"]
        assert "idempotency-replayed" not in first.headers
        assert again.headers["idempotency-replayed"] == "true"

    def test_another_request_under_the_same_key_is_refused(self, client: TestClient) -> None:
        headers = {"Idempotency-Key": "order-43"}
        client.post("/v1/generations", json=APPLE, headers=headers)
        response = client.post("/v1/generations", json={"prompt": "a pear"}, headers=headers)

        assert response.status_code == 422
        assert response.json()["error"]["code"] == "idempotency_key_reused"
        assert response.json()["error"]["param"] == "Idempotency-Key"

    @pytest.mark.parametrize("key", ["", "x" * 256, "tab\tinside", "caf\u00e9"])
    def test_a_key_of_the_wrong_shape_is_refused(self, client: TestClient, key: str) -> None:
        headers = {"Idempotency-Key": key.encode("latin-1")}
        response = client.post("/v1/generations", json=APPLE, headers=headers)

        assert response.status_code == 400
        assert response.json()["error"]["param"] == "Idempotency-Key"

    def test_many_at_once_make_one_job(self, client: TestClient) -> None:
        def post(_: int) -> str:
            answer = client.post("/v1/generations", json=APPLE, headers={"Idempotency-Key": "race"})
            return str(answer.json()["id"])

        with ThreadPoolExecutor(20) as pool:
            assert len(set(pool.map(post, range(40)))) == 1
        assert len(client.get("/v1/generations").json()["data"]) == 1


JSON = {"Content-Type": "application/json"}


class TestList:
    def test_newest_first_a_page_at_a_time(self, client: TestClient) -> None:
        ids = [submit(client)["id"] for _ in range(5)]

        seen, cursor = [], None
        while True:
            query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            page = client.get("/v1/generations", params=query).json()
            assert page["object"] == "list"
            seen.append([job["id"] for job in page["data"]])
            cursor = page["next_cursor"]
            if cursor is None:
                break

        assert seen == [ids[:2:-1], ids[2:0:-1], ids[:1]]

    def test_a_status_filter_fills_its_page(self, client: TestClient, worker: FakeWorker) -> None:
        done = [submit(client)["id"] for _ in range(3)]
        for _ in done:
            worker.draw_next()
        for _ in range(4):
            submit(client)

        page = client.get("/v1/generations", params={"limit": 2, "status": "succeeded"}).json()

        assert [job["id"] for job in page["data"]] == [done[2], done[1]]
        assert page["next_cursor"] is not None

    @pytest.mark.parametrize(
        ("query", "param"),
        [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=many", "limit"),
            ("cursor=zzz", "cursor"),
            ("cursor=" + "f" * 14, "cursor"),
            ("status=done", "status"),
            ("state=failed", "state"),
        ],
    )
    def test_a_wrong_query_is_named(self, client: TestClient, query: str, param: str) -> None:
        response = client.get(f"/v1/generations?{query}")

        assert response.status_code == 400
        assert response.json()["error"]["param"] == param


class TestCancel:
    def test_a_queued_job_ends_at_once(self, client: TestClient) -> None:
        job = submit(client)
        response = client.post(job["urls"]["cancel"])

        assert response.status_code == 200
        assert response.json()["status"] == "canceled"

    def test_a_running_job_ends_when_its_worker_lets_go(self, client: TestClient, worker: FakeWorker) -> None:
        job = submit(client)
        claim = worker.claim()

        assert client.post(job["urls"]["cancel"]).json()["status"] == "running"
        assert worker.step(claim, 1, 2) == "cancel"
        worker.finish(claim)

        assert client.get(job["urls"]["get"]).json()["status"] == "canceled"

    def test_a_finished_job_stays_as_it_is(self, client: TestClient, worker: FakeWorker) -> None:
        job = submit(client)
        worker.draw_next()

        response = client.post(job["urls"]["cancel"])

        assert (response.status_code, response.json()["status"]) == (200, "succeeded")


class TestDelete:
    def test_the_record_and_the_files_go(self, client: TestClient, worker: FakeWorker, settings: Settings) -> None:
        job = submit(client)
        worker.draw_next()
        files = Path(settings.data_dir) / "results" / job["id"]
        assert [path.name for path in files.rglob("*.png")] == ["0.png"]

        assert client.delete(job["urls"]["get"]).status_code == 204

        assert client.get(job["urls"]["get"]).status_code == 404
        assert list(files.rglob("*.png")) == []
        assert client.get("/v1/generations").json()["data"] == []
        assert client.delete(job["urls"]["get"]).status_code == 404

    def test_an_unfinished_job_is_refused(self, client: TestClient) -> None:
        job = submit(client)
        response = client.delete(job["urls"]["get"])

        assert response.status_code == 409
        assert response.json()["error"]["code"] == "job_not_finished"


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
