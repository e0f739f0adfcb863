"""Hostile pictures are refused by name and fast, and none ends more than a child process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import psutil
import pytest

from app import decoding_child
from app.decoding import MAX_BYTES, Child, Decoding
from core.errors import InvalidRequest, PayloadTooLarge
from tests.app.hostile import HOSTILE, RED, scans


@pytest.fixture(scope="module")
def decoding() -> Iterator[Decoding]:
    """Two children for all tests here: what one picture does to them is not the next one's trouble."""
    decoding = Decoding(2)
    yield decoding
    decoding.close()


def cpu_seconds(decoding: Decoding) -> float:
    """What its children have worked: a busy machine makes them later, but not longer."""
    found = 0.0
    for child in decoding._children:
        if child._process is not None and child._process.poll() is None:
            times = psutil.Process(child._process.pid).cpu_times()
            found += times.user + times.system
    return found


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files_are_refused_fast(decoding: Decoding, content: bytes) -> None:
    before = cpu_seconds(decoding)

    with pytest.raises(InvalidRequest) as refused:
        decoding.open_picture(content, "image")

    assert refused.value.param == "image"
    assert refused.value.code in ("invalid_image", "image_too_large")
    assert cpu_seconds(decoding) - before < 2


def test_too_many_bytes(decoding: Decoding) -> None:
    with pytest.raises(PayloadTooLarge):
        decoding.open_picture(RED + bytes(MAX_BYTES), "mask")


@pytest.mark.slow
def test_who_makes_it_work_too_long_is_given_up(decoding: Decoding) -> None:
    # Given 300 kB for which a decoder works for minutes
    content = scans(3000)
    assert len(content) < 400_000

    # When, Then
    with pytest.raises(InvalidRequest, match="cannot be read"):
        decoding.open_picture(content, "image")
    assert decoding.open_picture(RED, "image").size == (32, 32)


def process_of(child: Child) -> subprocess.Popen[bytes]:
    return child._running()


def test_a_child_that_dies_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    # Given one that stops in the middle
    decoding = Decoding(1)
    (child,) = decoding._children
    process = process_of(child)
    os.kill(process.pid, signal.SIGSTOP)

    # When it is killed while a picture waits for it
    killing = threading.Timer(0.3, process.kill)
    killing.start()
    with pytest.raises(InvalidRequest, match="cannot be read"):
        decoding.open_picture(RED, "image")

    # Then the next one is read by another
    assert decoding.open_picture(RED, "image").size == (32, 32)
    assert process_of(child).pid != process.pid
    assert "ended the process" in caplog.text
    killing.join()
    decoding.close()


def test_a_child_has_so_much_memory_and_time() -> None:
    child = Child()
    child.read(RED)
    with open(f"/proc/{process_of(child).pid}/limits") as file:
        limits = {line[:25].strip(): line[25:].split()[0] for line in file}
    child.stop()
    assert int(limits["Max address space"]) == decoding_child.MEMORY_BYTES
    assert 0 < int(limits["Max cpu time"]) <= 2 * decoding_child.CPU_SECONDS


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\n",
        b'{"mode": "RGB", "size": [100000, 100000]}\n',
        b'{"mode": "RGB", "size": [2, 2]}\nabc',
        b'{"mode": "F", "size": [1, 1]}\nabcd',
    ],
)
def test_a_child_that_was_taken_over_is_not_believed(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a child that says what it likes
    decoding = Decoding(1)
    (child,) = decoding._children
    child._process = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.stdin.buffer.read(8); sys.stdout.buffer.write({answer!r})"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with pytest.raises(InvalidRequest, match="cannot be read"):
        decoding.open_picture(RED, "image")
    decoding.close()
