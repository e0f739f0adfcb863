"""The command line against the application behind a socket, in a folder of its own."""

from __future__ import annotations

import io
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from app.cli.commands import writing_rows
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


CATALOG = """\
# My models.
default = "first"

[first]  # the first one
source = "first"
family = "sd15"
aliases = ["dall-e-2"]

# The second is for large pictures.
[second]
source = "second"
family = "flux"
"""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny pipeline in `sd15` and in `sdxl`."""
    from tests.tiny_models import build  # torch, for those who need it

    folder = tmp_path_factory.mktemp("tiny")
    for family in ("sd15", "sdxl"):
        build(family, folder / family)
    return folder


@pytest.fixture
def models(tiny: Path, tmp_path: Path) -> Path:
    """A copy of them that a test may change."""
    return Path(shutil.copytree(tiny, tmp_path / "models"))


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The catalogue that the command edits; no server runs, and the command is typed in an empty folder."""
    path = tmp_path / "catalog" / "catalog.toml"
    path.parent.mkdir()
    path.write_text(CATALOG)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("EASEL_CATALOG", str(path))
    monkeypatch.setenv("EASEL_PORT", str(free_port()))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    return path


@pytest.fixture
def easel_models(catalog: Path) -> Easel:
    """`easel models`, typed by a script: nobody answers, and no server runs."""
    runner = CliRunner()
    return lambda *words, stdin=None: runner.invoke(app, ["models", *map(str, words)], input=stdin)


@pytest.fixture
def at_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits there, whose answer is the command's standard input."""
    monkeypatch.setattr(writing_rows, "is_terminal", lambda: True)
