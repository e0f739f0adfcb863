"""The command line against the application behind a socket, in a folder of its own."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from app.cli.main import app
from tests.app.fake_worker import FakeWorker
from tests.ports import free_port

Easel = Callable[..., Result]


def picture(mode: str = "RGB", size: tuple[int, int] = (300, 200)) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, "white").save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty, and where the command is typed."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def no_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port where nobody listens, and a log that is not the next test's."""
    monkeypatch.setattr(logging.root, "handlers", logging.root.handlers.copy())
    monkeypatch.setenv("EASEL_PORT", str(free_port()))


@pytest.fixture
def drawing(worker: FakeWorker) -> Iterator[FakeWorker]:
    """A worker that takes every job at once."""
    with worker:
        yield worker


@pytest.fixture
def easel(server: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Easel:
    """The command, typed where a server runs."""
    monkeypatch.setenv("EASEL_URL", server)
    runner = CliRunner()
    return lambda *words, stdin=None: runner.invoke(app, [str(word) for word in words], input=stdin)
