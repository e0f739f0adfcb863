"""Where no Easel runs, one runs for the call: quietly, and what is asked wrongly need not wait for its workers."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest
from redis import Redis
from typer.testing import CliRunner, Result

from app.cli import servers
from app.cli.main import app
from app.stack.up import StackFailed
from core.keys import LOCAL_OWNER
from core.settings import Settings
from core.store import JobStore
from core.store.limits import Limits
from tests.app.conftest import serving
from tests.app.fake_worker import FakeWorker


class Stack:
    """The real api without processes around it; `workers` is what becomes of its worker."""

    def __init__(self, url: str, environment: Mapping[str, str], workers: Callable[[], None]) -> None:
        self.url = url
        self.environment = environment
        self._workers = workers

    def wait_ready(self, stopped: Callable[[], bool] = lambda: False) -> None:
        if not stopped():
            self._workers()


Start = Callable[[Callable[[], None]], list[Stack]]


@pytest.fixture
def start(settings: Settings, no_server: None, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Have it started with these workers; returns what was started, later."""

    def started(workers: Callable[[], None]) -> list[Stack]:
        stacks = []

        @contextmanager
        def running_stack(chosen: Settings, environment: Mapping[str, str]) -> Iterator[Stack]:
            with serving(settings) as url:
                stacks.append(Stack(url, environment, workers))
                yield stacks[-1]

        monkeypatch.setattr(servers, "running_stack", running_stack)
        return stacks

    return started


def generate(*words: str) -> Result:
    return CliRunner().invoke(app, ["generate", "a fox", *words])


def test_the_job_waits_for_the_worker_and_the_log_is_quiet(start: Start, worker: FakeWorker) -> None:
    # Given a worker that draws what waits as soon as it is ready
    stacks = start(lambda: print(worker.draw_next()))  # noqa: T201 - to be seen by the runner
    # When
    done = generate("--json")
    # Then the job was there before the worker
    assert done.exit_code == 0, done.output
    drawn, _, answer = done.stdout.partition("\n")
    assert json.loads(answer)["id"] == drawn
    # and nothing is told but that one is started
    assert done.stderr == "no Easel is running; starting one for this call …\n"
    assert (stacks[0].environment, logging.root.level) == ({"EASEL_LOG_LEVEL": "ERROR"}, logging.ERROR)


def test_who_sets_a_level_gets_it(start: Start, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_LOG_LEVEL", "INFO")
    stacks = start(lambda: worker.draw_next() and None)

    assert generate().exit_code == 0
    assert (stacks[0].environment, logging.root.level) == ({}, logging.INFO)


def test_what_is_asked_wrongly_waits_for_no_worker(start: Start) -> None:
    start(lambda: pytest.fail("it waited"))

    done = generate("--size", "250x256")

    assert (done.exit_code, "256 would fit" in done.output) == (2, True)


def test_a_worker_that_cannot_be_started_leaves_no_job(start: Start, redis: Redis) -> None:
    # Given
    def broken() -> None:
        raise StackFailed("worker cannot be started; its messages are above")

    start(broken)
    # When
    done = generate()
    # Then
    assert done.exit_code == 1
    assert "error: worker cannot be started" in done.output
    left = JobStore(redis, Limits()).list(LOCAL_OWNER, before=None, limit=5).jobs
    assert [job.status for job in left] == ["canceled"]
