"""What a container's health check is told."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable

import pytest
from redis import Redis

from core import healthcheck
from core.store import KeeperHeartbeat, WorkerInfo, WorkerRegistry

Ask = Callable[..., int]


@pytest.fixture
def ask(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Ask:
    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["healthcheck", *arguments])
        return healthcheck.main()

    monkeypatch.setenv("REDIS_URL", redis_url)
    return run


def test_a_keeper_lives_while_its_heart_beats(redis: Redis, ask: Ask) -> None:
    assert ask("keeper") == 1
    KeeperHeartbeat(redis).beat()
    assert ask("keeper") == 0


def test_only_a_worker_of_this_host_counts(redis: Redis, ask: Ask) -> None:
    registry = WorkerRegistry(redis)
    registry.announce(WorkerInfo(name="elsewhere-1-ab", queue="default", device="cpu", slots=1))
    assert ask("worker") == 1
    registry.announce(WorkerInfo(name=f"{socket.gethostname()}-1-ab", queue="default", device="cpu", slots=1))
    assert ask("worker") == 0


def test_no_redis_is_no_life(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{port}")
    assert ask("keeper") == 1
    monkeypatch.delenv("REDIS_URL")
    assert ask("worker") == 1


def test_another_question_is_refused(ask: Ask) -> None:
    assert ask("api") == 2
    assert ask() == 2
