"""Tiny pipelines as folders, a catalogue in a folder of its own, and the command typed at a terminal."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli.commands import models as command
from app.cli.main import app
from tests.ports import free_port
from tests.tiny_models import build

Easel = Callable[..., Result]

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
def easel(catalog: Path) -> Easel:
    """The command, typed by a script: nobody answers."""
    runner = CliRunner()
    return lambda *words, stdin=None: runner.invoke(app, ["models", *map(str, words)], input=stdin)


@pytest.fixture
def at_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits there, whose answer is the command's standard input."""
    monkeypatch.setattr(command, "is_terminal", lambda: True)
