"""A worker that lives and says nothing is killed; one that loads, speaks or cannot reach its Redis is not."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.stack.liveness import EVERY_SECONDS, SILENT_SECONDS, Liveness
from app.stack.process import Child
from core.store import WorkerInfo, WorkerRegistry

RENEW_SECONDS = 5.0
SILENT = SILENT_SECONDS + RENEW_SECONDS


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def child() -> Iterator[Child]:
    child = Child("worker", [sys.executable, "-c", "import time; time.sleep(600)"], {})
    child.start()
    yield child
    child.kill()
    child.wait(10)


@pytest.fixture
def registry(redis: Redis) -> WorkerRegistry:
    return WorkerRegistry(redis)


def beat(registry: WorkerRegistry, child: Child) -> str:
    name = f"{socket.gethostname()}-{child.pid}-0a0a0a0a"
    registry.announce(WorkerInfo(name=name, queue="default", device="cpu", slots=8))
    return name


def watch(pulse: Liveness, clock: Clock, seconds: float) -> None:
    """Check again and again, as the supervisor does."""
    end = clock.now + seconds
    while clock.now < end:
        pulse.check()
        clock.now += EVERY_SECONDS


def lives(child: Child) -> bool:
    assert child._process is not None
    return child._process.poll() is None


def test_who_falls_silent_is_killed(child: Child, registry: WorkerRegistry) -> None:
    # Given a worker that was heard
    clock = Clock()
    pulse = Liveness(child, registry, RENEW_SECONDS, clock)
    name = beat(registry, child)
    watch(pulse, clock, 10)

    # When its row runs out, then it has a while to come back
    registry.withdraw(name)
    watch(pulse, clock, SILENT - 1)
    assert lives(child)

    # and then it is ended
    watch(pulse, clock, 2 * EVERY_SECONDS)
    assert child._process is not None
    assert child._process.wait(10) == -9


def test_who_comes_back_lives(child: Child, registry: WorkerRegistry) -> None:
    clock = Clock()
    pulse = Liveness(child, registry, RENEW_SECONDS, clock)
    for _ in range(5):
        name = beat(registry, child)
        watch(pulse, clock, 4)
        registry.withdraw(name)
        watch(pulse, clock, SILENT - 4)
    assert lives(child)


def test_who_was_never_heard_is_loading(child: Child, registry: WorkerRegistry) -> None:
    clock = Clock()
    watch(Liveness(child, registry, RENEW_SECONDS, clock), clock, 10 * SILENT)
    assert lives(child)


def test_nobody_is_silent_while_redis_is_away(child: Child, registry: WorkerRegistry) -> None:
    # Given a worker that was heard, until Redis went away
    clock = Clock()
    with Redis(port=1, retry=Retry(NoBackoff(), 0)) as nowhere:
        pulse = Liveness(child, registry, RENEW_SECONDS, clock)
        name = beat(registry, child)
        watch(pulse, clock, 4)
        registry.withdraw(name)
        watch(pulse, clock, SILENT - 4)
        pulse._registry = WorkerRegistry(nowhere)
        watch(pulse, clock, SILENT)
    assert lives(child)

    # When it is back, then the time begins anew
    pulse._registry = registry
    watch(pulse, clock, SILENT - 1)
    assert lives(child)
