"""Tickets through real slots in threads."""

from __future__ import annotations

import json
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from rq import Callback
from rq.webhook import Webhook

from core.queue import TICKET_FUNCTION, new_ticket, reissue_tickets, rq_queue, run_slot
from core.store.connection import connect

PATIENCE = 30.0


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


@contextmanager
def slots(redis_url: str, work: Callable[[], None], count: int = 1) -> Iterator[list[threading.Thread]]:
    stopping = threading.Event()
    redis = connect(redis_url, patient=True)
    threads = [
        threading.Thread(target=run_slot, args=("default", redis, work, stopping), daemon=True) for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        stopping.set()
        for thread in threads:
            thread.join(timeout=60)
        assert not any(thread.is_alive() for thread in threads)
        redis.close()


def test_each_ticket_calls_the_work_once(redis: Redis, redis_url: str) -> None:
    # Given
    calls: list[int] = []
    reissue_tickets("default", 40, redis)

    # When
    with slots(redis_url, lambda: calls.append(1), count=4):
        eventually(lambda: len(calls) == 40 and rq_queue("default", redis).count == 0)

    # Then nothing is left of them
    assert len(calls) == 40
    assert list(redis.scan_iter("rq:job:*")) == []


def test_a_failing_work_function_does_not_end_its_slot(redis: Redis, redis_url: str) -> None:
    # Given
    calls: list[int] = []

    def work() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("one job's trouble")

    reissue_tickets("default", 3, redis)

    # When, Then
    with slots(redis_url, work) as threads:
        eventually(lambda: len(calls) == 3)
        assert threads[0].is_alive()


def test_an_idle_slot_stops_soon(redis: Redis, redis_url: str) -> None:
    # Given
    calls: list[int] = []
    reissue_tickets("default", 1, redis)
    with slots(redis_url, lambda: calls.append(1)):
        eventually(lambda: bool(calls))
        began = time.monotonic()

    # Then
    assert time.monotonic() - began < 30  # RQ's own slots would wait for minutes


def test_a_stopping_slot_finishes_its_work_and_takes_no_more(redis: Redis, redis_url: str) -> None:
    # Given
    started, release, calls = threading.Event(), threading.Event(), 0

    def work() -> None:
        nonlocal calls
        calls += 1
        started.set()
        release.wait(PATIENCE)

    reissue_tickets("default", 2, redis)

    # When the stop comes in the middle of the first
    with slots(redis_url, work):
        assert started.wait(PATIENCE)
        threading.Timer(0.5, release.set).start()

    # Then
    assert calls == 1
    assert rq_queue("default", redis).count == 1


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_that_a_ticket_names_is_ever_called(
    fails: bool, redis: Redis, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever can write to Redis must not gain the worker: what runs was fixed when the slot was made."""
    # Given tickets as RQ itself writes them, whose function, callbacks and webhook are an attack
    canary = tmp_path / "canary"
    (tmp_path / "planted.py").write_text(f"import pathlib\ndef go(*_): pathlib.Path({str(canary)!r}).touch()\n")
    monkeypatch.syspath_prepend(tmp_path)
    queue = rq_queue("default", redis)
    queue.enqueue("os.system", f"touch {canary}")
    with socket.create_server(("127.0.0.1", 0)) as target:
        queue.enqueue(
            "planted.go",
            on_success=Callback("planted.go"),
            on_failure=Callback("planted.go"),
            webhooks=[
                Webhook(f"http://127.0.0.1:{target.getsockname()[1]}/", job_status=status)
                for status in ("finished", "failed")
            ],
        )
        calls: list[int] = []

        def work() -> None:
            calls.append(1)
            if fails:
                raise RuntimeError("one job's trouble")

        # When
        with slots(redis_url, work):
            eventually(lambda: len(calls) == 2)

        # Then
        assert not canary.exists()
        target.settimeout(0.1)
        with pytest.raises(TimeoutError):
            target.accept()


def test_a_ticket_carries_nothing_and_is_not_written_yet(redis: Redis) -> None:
    ticket = new_ticket("default", redis)
    assert json.loads(zlib.decompress(ticket.fields["data"])) == [TICKET_FUNCTION, None, [], {}]
    assert redis.dbsize() == 0


def test_tickets_are_brought_up_to_the_pending_jobs(redis: Redis) -> None:
    assert reissue_tickets("default", 3, redis) == 3
    assert reissue_tickets("default", 3, redis) == 0
    assert reissue_tickets("default", 1, redis) == 0
    assert rq_queue("default", redis).count == 3
