"""Files that are used more than once: uploaded, looked at, used, deleted, and gone after a day."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from redis import Redis

from app.keeper.expiry import Expiry
from core.results import ResultStore
from core.settings import Settings
from core.store import JobStore, uploads
from core.store.limits import Limits
from tests.app.conftest import KEY, OTHER_KEY, Connect
from tests.app.wires.openai.files import file_of, plain

RED = file_of(plain(300, 200))


def upload(client: TestClient, content: bytes = RED) -> dict[str, object]:
    response = client.post("/v1/uploads", files={"file": ("red.png", content, "image/png")})
    assert response.status_code == 201, response.text
    answer: dict[str, object] = response.json()
    return answer


def test_an_upload_serves_several_generations(client: TestClient) -> None:
    # Given
    kept = upload(client)
    assert (kept["medium"], kept["size_bytes"], kept["facts"]) == ("image/png", len(RED), {"width": 300, "height": 200})

    # When two generations start from it
    body = {"prompt": "a hat", "inputs": {"image": {"upload": kept["id"]}}}
    jobs = [client.post("/v1/generations", json=body).json() for _ in range(2)]

    # Then each has a copy of its own, which stays when the upload goes
    assert client.delete(f"/v1/uploads/{kept['id']}").status_code == 204
    assert client.get(f"/v1/uploads/{kept['id']}").status_code == 404
    assert [client.get(job["inputs"][0]["url"]).status_code for job in jobs] == [200, 200]
    refused = client.post("/v1/generations", json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "upload_not_found")


def test_an_upload_is_the_key_s_own(connect: Connect) -> None:
    with connect(api_keys=(SecretStr(KEY), SecretStr(OTHER_KEY))) as client:
        client.headers["Authorization"] = f"Bearer {KEY}"
        path = f"/v1/uploads/{upload(client)['id']}"
        assert client.get(path).status_code == 200

        client.headers["Authorization"] = f"Bearer {OTHER_KEY}"
        assert [client.get(path).status_code, client.delete(path).status_code] == [404, 404]


def test_an_upload_goes_after_a_day(client: TestClient, redis: Redis, settings: Settings) -> None:
    # Given
    kept = upload(client)
    results = ResultStore(settings.results_location)
    day = redis.zscore("easel:expiries", str(kept["id"]))
    assert isinstance(day, float)
    assert abs(day / 1000 - redis.time()[0] - 24 * 3600) < 5  # type: ignore[index]

    # When the day is over
    redis.zadd("easel:expiries", {str(kept["id"]): 1})
    Expiry(JobStore(redis, Limits()), results).round()

    # Then its file is gone
    with pytest.raises(FileNotFoundError):
        results.read(f"{kept['id']}/0.png")
    assert redis.zcard("easel:expiries") == 0


@pytest.mark.parametrize(
    ("files", "status", "code"),
    [
        ({"file": ("x.png", b"nothing of the sort")}, 400, "invalid_image"),
        ({"picture": ("x.png", RED)}, 400, "missing_required_parameter"),
        ({"file": ("x.png", bytes(20 * 2**20 + 1))}, 413, "payload_too_large"),
    ],
)
def test_what_cannot_be_used_is_refused(
    client: TestClient, files: dict[str, tuple[str, bytes]], status: int, code: str
) -> None:
    response = client.post("/v1/uploads", files=files)

    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


def test_there_are_so_many_at_a_time(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_UPLOADS", 2)
    first, _ = upload(client), upload(client)

    refused = client.post("/v1/uploads", files={"file": ("red.png", RED)})

    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_uploads")
    assert 0 < int(refused.headers["retry-after"]) <= 24 * 3600
    client.delete(f"/v1/uploads/{first['id']}")
    upload(client)
