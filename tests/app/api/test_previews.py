"""GET /v1/generations/{id}/preview: a glimpse of a running job for its owner, and nothing for anybody else."""

from __future__ import annotations

from fastapi.testclient import TestClient
from pydantic import SecretStr
from redis import Redis

from core.store import Preview, Previews
from tests.app.conftest import KEY, OTHER_KEY, Connect
from tests.app.fake_worker import FakeWorker

JPEG = b"\xff\xd8\xff\xe0 a picture"


def ask(client: TestClient, **headers: str) -> str:
    job_id: str = client.post("/v1/generations", json={"prompt": "a cat"}, headers=headers).json()["id"]
    return job_id


def test_a_preview_while_it_is_drawn_and_only_then(client: TestClient, redis: Redis, worker: FakeWorker) -> None:
    # Given a job that waits
    job_id = ask(client)
    address = f"/v1/generations/{job_id}/preview"
    assert client.get(address).status_code == 204
    # When a worker has begun and shows something
    claim = worker.claim()
    Previews(redis).show(job_id, Preview(jpeg=JPEG, step=1, steps=20))
    # Then it is to be seen
    shown = client.get(address)
    assert (shown.status_code, shown.headers["content-type"], shown.content) == (200, "image/jpeg", JPEG)
    assert shown.headers["cache-control"] == "no-store"
    assert shown.headers["x-content-type-options"] == "nosniff"
    # and no more once the picture is there
    worker.finish(claim)
    assert client.get(address).status_code == 204


def test_somebody_elses_is_not_there(connect: Connect, redis: Redis, worker: FakeWorker) -> None:
    with connect(api_keys=(SecretStr(KEY), SecretStr(OTHER_KEY))) as client:
        job_id = ask(client, Authorization=f"Bearer {KEY}")
        worker.claim()
        Previews(redis).show(job_id, Preview(jpeg=JPEG, step=1, steps=20))

        answer = client.get(f"/v1/generations/{job_id}/preview", headers={"Authorization": f"Bearer {OTHER_KEY}"})

        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "generation_not_found")


def test_no_such_job(client: TestClient) -> None:
    assert client.get(f"/v1/generations/gen_{'0' * 40}/preview").status_code == 404
