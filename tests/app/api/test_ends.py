"""Cancelling and deleting."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient

from core.settings import Settings
from tests.app.api.asking import submit
from tests.app.fake_worker import FakeWorker


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
