"""What a page is told of the server: its queues, the caller's limits, and to its owner who uses it."""

from __future__ import annotations

from fastapi.testclient import TestClient
from pydantic import SecretStr
from redis import Redis

from core.keys import KeyPolicy, Scope
from core.store import KeyStore
from tests.app.api.asking import submit
from tests.app.api.test_marks import drawn, mark
from tests.app.conftest import KEY, Connect
from tests.app.fake_worker import FakeWorker


def test_it_says_how_busy_it_is(client: TestClient, worker: FakeWorker) -> None:
    # Given a worker, a kept picture, a job that runs and two that wait
    worker.announce(models=("mini",))
    mark(client, drawn(client, worker, n=2), favourite=True)
    for _ in range(3):
        submit(client)
    worker.claim()

    # When
    seen = client.get("/v1/server").json()

    # Then
    assert (seen["public_gallery"], seen["running"]) == (False, 1)
    default, large = seen["queues"]
    assert (default["name"], default["waiting"], default["workers"], default["slots"]) == ("default", 2, 1, 1)
    assert (large["name"], large["waiting"], large["workers"]) == ("large", 0, 0)
    usage = seen["usage"]
    assert (usage["waiting"], usage["running"], usage["images_today"], usage["kept"]) == (2, 1, 5, 1)
    assert (usage["max_waiting"], usage["images_per_day"], usage["retention_hours"]) == (100, None, 168)
    # and without keys everybody is the owner of the machine
    assert [each["name"] for each in seen["admin"]["workers"]] == ["fake"]
    assert [(each["name"], each["images_today"]) for each in seen["admin"]["keys"]] == [("without a key", 5)]


def test_a_key_sees_its_own_limits_and_an_admin_who_uses_it(connect: Connect, worker: FakeWorker, redis: Redis) -> None:
    keys = KeyStore(redis)
    alice = keys.create(KeyPolicy(name="alice", max_queued=3, images_per_day=9, retention_hours=2))
    keys.create(KeyPolicy(name="idle"))
    admin = keys.create(KeyPolicy(name="owner", scopes=(Scope.ADMIN, Scope.READ)))
    with connect(api_keys=(SecretStr(KEY),), public_gallery=True) as client:
        client.headers["Authorization"] = f"Bearer {alice.text}"
        submit(client)
        seen = client.get("/v1/server").json()
        usage = seen["usage"]
        assert (usage["max_waiting"], usage["images_per_day"], usage["retention_hours"]) == (3, 9, 2)
        assert (seen["public_gallery"], seen["admin"]) == (True, None)

        client.headers["Authorization"] = f"Bearer {KEY}"
        submit(client)
        client.headers["Authorization"] = f"Bearer {admin.text}"
        users = client.get("/v1/server").json()["admin"]["keys"]
        assert [(each["id"], each["name"], each["waiting"]) for each in users] == [
            (None, "of EASEL_API_KEYS", 1),
            (alice.key.id, "alice", 1),
        ]
