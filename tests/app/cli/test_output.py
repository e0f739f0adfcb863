"""Standard output: a picture and nothing else; and where it takes no more, an error and no traceback."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest

from tests.app.cli.conftest import Easel
from tests.app.fake_worker import PICTURE

EASEL = Path(sys.executable).parent / "easel"

EVERY_WAY_OF_PRINTING = [["generate", "a fox", "--out", "-"], ["generate", "a fox", "--json"], ["jobs"], ["--help"]]


def run(server: str, words: list[str], stdout: int | IO[Any]) -> tuple[int, str]:
    """The exit code, and what was told; stdin is closed, as in a job of cron's."""
    done = subprocess.run(
        [EASEL, *words],
        env={**os.environ, "EASEL_URL": server},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.usefixtures("drawing", "folder")
@pytest.mark.parametrize(
    "words", [*EVERY_WAY_OF_PRINTING, ["generate", "a fox"], ["models", "--json"], ["--version"]], ids=" ".join
)
def test_a_full_disk_is_told(server: str, words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        told = run(server, words, full)

    assert told == (1, "error: cannot write to standard output: No space left on device\n")


@pytest.mark.usefixtures("drawing", "folder")
@pytest.mark.parametrize("words", EVERY_WAY_OF_PRINTING, ids=" ".join)
def test_a_reader_that_left_is_no_reason_for_words(server: str, words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    told = run(server, words, writing)
    os.close(writing)

    assert told == (1, "")


@pytest.mark.usefixtures("drawing")
def test_standard_output_gets_the_picture_and_nothing_else(easel: Easel, folder: Path) -> None:
    done = easel("generate", "a fox", "--out", "-")
    assert (done.exit_code, done.stdout_bytes, done.stderr) == (0, PICTURE, "")
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("drawing", "folder")
def test_a_terminal_gets_it_by_force_only(server: str) -> None:
    def typed(*words: str) -> tuple[int, str, bytes]:
        """The exit code, what was told, and what the terminal got."""
        ours, theirs = pty.openpty()
        with os.fdopen(ours, "rb", buffering=0) as terminal:
            done = subprocess.run(
                [EASEL, "generate", "a fox", "--out", "-", *words],
                env={**os.environ, "EASEL_URL": server},
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
            os.set_blocking(ours, False)
            seen = terminal.read(4096) or b""
            os.close(theirs)
        return done.returncode, done.stderr, seen

    code, told, seen = typed()
    assert (code, seen) == (2, b"")
    assert "use --force" in told
    assert typed("--force")[2].startswith(b"\x89PNG")


@pytest.mark.usefixtures("drawing")
def test_where_all_is_closed_a_picture_is_drawn_all_the_same(server: str, folder: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", '"$0" generate "a fox" <&- >&- && "$0" jobs <&- >&-', EASEL],
        env={**os.environ, "EASEL_URL": server},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in folder.iterdir()] == ["easel.png"]
