"""What `easel up` tells: words for people, or lines of JSON where machines read its log."""

from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner

from app.cli.commands import serve
from app.cli.main import app
from core.settings import Settings

pytestmark = pytest.mark.usefixtures("no_server")


class Stack:
    """Is ready at once, and gets Ctrl-C as soon as it runs."""

    def wait_ready(self, stopped: object) -> None:
        logging.getLogger("app.stack").warning("worker is slow")

    def tend(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    @contextmanager
    def running_stack(chosen: Settings) -> Iterator[Stack]:
        yield Stack()

    monkeypatch.setattr(serve, "running_stack", running_stack)
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    for number, handler in before:
        signal.signal(number, handler)


@pytest.mark.usefixtures("stack")
def test_all_is_json_where_logs_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_LOG_FORMAT", "json")

    done = CliRunner().invoke(app, ["up", "--port", "8123"])

    assert (done.exit_code, done.stdout) == (0, "")
    told = [json.loads(line)["message"] for line in done.stderr.splitlines()]
    assert told == ["worker is slow", "Easel is ready at http://127.0.0.1:8123", "stopping"]


@pytest.mark.usefixtures("stack")
def test_people_are_told_how_it_is_stopped() -> None:
    done = CliRunner().invoke(app, ["up", "--port", "8123"])

    assert "\nEasel is ready at http://127.0.0.1:8123  (Ctrl-C stops it)\n" in done.stderr


@pytest.mark.parametrize(
    ("words", "environment", "code", "said"),
    [
        (["--data-dir", "/proc/nowhere"], {}, 1, "cannot write to the data folder"),
        (["--host", "0.0.0.0"], {}, 2, "EASEL_API_KEYS"),
        (["--port", "99999999"], {}, 2, "EASEL_PORT"),
        ([], {"EASEL_SLOTS": "many", "REDIS_URL": "http://redis"}, 2, "EASEL_SLOTS"),
        ([], {"EASEL_LEASE_SECONDS": "1"}, 2, "lease_seconds"),
    ],
)
def test_so_are_failures_whatever_is_wrong(
    monkeypatch: pytest.MonkeyPatch, words: list[str], environment: dict[str, str], code: int, said: str
) -> None:
    for name, value in {**environment, "EASEL_LOG_FORMAT": "json"}.items():
        monkeypatch.setenv(name, value)

    done = CliRunner().invoke(app, ["up", *words])

    assert done.exit_code == code
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert any(said in line["message"] for line in told)
    assert {line["level"] for line in told} == {"ERROR"}
