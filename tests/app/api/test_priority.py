"""What a client may say about when its job runs."""

from __future__ import annotations

from fastapi.testclient import TestClient
from redis import Redis


def test_priority_orders_ones_own_jobs(client: TestClient) -> None:
    # Given three waiting jobs of one client
    asked = [
        client.post("/v1/generations", json={"prompt": "a red apple", "priority": priority}).json()
        for priority in ("low", "normal", "high")
    ]
    # When their places are read
    places = [client.get(f"/v1/generations/{job['id']}").json()["queue_position"] for job in asked]
    # Then the high one is next
    assert places == [3, 2, 1]
    assert asked[2]["priority"] == "high"


def test_unknown_priority_is_refused_by_name(client: TestClient) -> None:
    answer = client.post("/v1/generations", json={"prompt": "a red apple", "priority": "urgent"})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "priority"
    assert "'high'" in answer.json()["error"]["message"]


def test_expires_in_sets_a_deadline(client: TestClient, redis: Redis) -> None:
    job = client.post("/v1/generations", json={"prompt": "a red apple", "expires_in": 60}).json()
    due = redis.zscore("easel:deadlines", job["id"])
    assert isinstance(due, float)
    assert 0 < due / 1000 - redis.time()[0] <= 61  # type: ignore[index]


def test_expires_in_has_bounds(client: TestClient) -> None:
    for seconds in (0, -1, 604_801):
        answer = client.post("/v1/generations", json={"prompt": "a red apple", "expires_in": seconds})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "expires_in")
