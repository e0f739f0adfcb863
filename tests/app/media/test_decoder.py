"""Hostile pictures are refused by name and fast, and none ends more than a child process."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import psutil
import pytest
from PIL import Image, PngImagePlugin

from app.media import decoder_process
from app.media.conversion import Conversion, Prepared
from app.media.decoder import Child, Decoder
from core.errors import InvalidRequest, PayloadTooLarge
from core.media import MAX_FILE_BYTES
from tests.app.media.hostile import HOSTILE, RED, chunk, png_of, scans
from tests.app.media.pictures import opened, pixels, written
from tests.app.wires.openai.files import file_of


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    """Two children for all tests here: what one picture does to them is not the next one's trouble."""
    decoder = Decoder(2)
    yield decoder
    decoder.close()


def written_with_text() -> bytes:
    """A sound PNG that holds more than pixels."""
    told = PngImagePlugin.PngInfo()
    told.add_text("parameters", "secret")
    return file_of(Image.new("RGB", (32, 32)), "PNG", pnginfo=told)


def cpu_seconds(decoder: Decoder) -> float:
    """What its children have worked: a busy machine makes them later, but not longer."""
    found = 0.0
    for child in decoder._children:
        if child._process is not None and child._process.poll() is None:
            times = psutil.Process(child._process.pid).cpu_times()
            found += times.user + times.system
    return found


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files_are_refused_fast(decoder: Decoder, content: bytes) -> None:
    before = cpu_seconds(decoder)

    with pytest.raises(InvalidRequest) as refused:
        opened(decoder, content, "image")

    assert refused.value.param == "image"
    assert refused.value.code in ("invalid_image", "image_too_large")
    assert cpu_seconds(decoder) - before < 2


def test_too_many_bytes(decoder: Decoder) -> None:
    with pytest.raises(PayloadTooLarge):
        opened(decoder, RED + bytes(MAX_FILE_BYTES), "mask")


@pytest.mark.slow
def test_who_makes_it_work_too_long_is_given_up(decoder: Decoder) -> None:
    # Given 300 kB for which a decoder works for minutes
    content = scans(3000)
    assert len(content) < 400_000

    # When, Then
    with pytest.raises(InvalidRequest, match="cannot be read"):
        opened(decoder, content, "image")
    assert pixels(decoder, RED).size == (32, 32)


def process_of(child: Child) -> subprocess.Popen[bytes]:
    return child._running()


def test_a_child_that_dies_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    # Given one that stops in the middle
    decoder = Decoder(1)
    (child,) = decoder._children
    process = process_of(child)
    os.kill(process.pid, signal.SIGSTOP)

    # When it is killed while a picture waits for it
    killing = threading.Timer(0.3, process.kill)
    killing.start()
    with pytest.raises(InvalidRequest, match="cannot be read"):
        opened(decoder, RED, "image")

    # Then the next one is read by another
    assert pixels(decoder, RED).size == (32, 32)
    assert process_of(child).pid != process.pid
    assert "ended the process" in caplog.text
    killing.join()
    decoder.close()


def png_of_size(width: int, height: int) -> bytes:
    """A gradient, which packs well."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(file, "PNG")
    return file.getvalue()


def test_edges_of_a_large_picture_fit_the_memory_of_a_child(decoder: Decoder) -> None:
    # Given the largest picture that is read
    content = png_of_size(4096, 4096)
    # When its edges are asked for, then they come, and it is not the picture that is blamed for what OpenCV takes
    with decoder.pictures() as pictures:
        opened = pictures.open(content, "image")
        edges = pictures.png(opened, Conversion("colour", None, prepared=Prepared("canny")))
    assert Image.open(io.BytesIO(edges)).size == (opened.width, opened.height)


def test_a_child_has_so_much_memory_and_time() -> None:
    child = Child()
    child.command({"open": len(RED)}, RED)
    with open(f"/proc/{process_of(child).pid}/limits") as file:
        limits = {line[:25].strip(): line[25:].split()[0] for line in file}
    child.stop()
    assert int(limits["Max address space"]) == decoder_process.MEMORY_BYTES
    assert 0 < int(limits["Max cpu time"]) <= 2 * decoder_process.CPU_SECONDS


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\n",
        b"[1, 2]\n",
        b'{"size": [100000, 100000]}\n',
        b'{"size": [2, 2], "format": "EXE", "clear": false}\n',
        b'{"bytes": 4}\nabc',
        b'{"bytes": 1000000000000}\n',
    ],
)
def test_a_child_that_was_taken_over_is_not_believed(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a child that says what it likes
    decoder = Decoder(1)
    (child,) = decoder._children
    child._process = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.stdin.buffer.readline(); sys.stdout.buffer.write({answer!r})"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with pytest.raises(InvalidRequest, match="cannot be read"):
        opened(decoder, RED, "image")
    decoder.close()


@pytest.mark.parametrize(
    "file",
    [
        b"nothing of the sort",
        RED[:-4],
        RED + b"MZ",
        written_with_text(),
        png_of(32, 32, chunk(b"PLTE", bytes(3)), chunk(b"IDAT", b""), colour=3),
        png_of(32, 32),
        png_of(9000, 1, chunk(b"IDAT", b""), colour=2),
    ],
)
def test_what_a_child_writes_is_pixels_or_nothing(file: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a child that was taken over and writes what it likes
    decoder = Decoder(1)
    (child,) = decoder._children
    picture = opened(decoder, RED)
    monkeypatch.setattr(child, "command", lambda command, content=b"": ({"bytes": len(file)}, file))

    # Then a worker never gets to open it
    with decoder.pictures() as pictures, pytest.raises(InvalidRequest, match="cannot be read"):
        pictures.png(picture, Conversion("colour"))
    decoder.close()


def test_no_pixels_come_into_this_process(decoder: Decoder) -> None:
    # Given a small file of the largest picture
    content = file_of(Image.new("RGBA", (4096, 4096), (1, 2, 3, 4)), "PNG")
    assert len(content) < 400_000
    written(decoder, content, size=(64, 64))
    before = psutil.Process().memory_info().rss

    # When it is read a dozen times
    for _ in range(12):
        assert len(written(decoder, content, size=(512, 512))) < 100_000

    # Then this process has not grown by a quarter of one picture
    assert psutil.Process().memory_info().rss - before < 16 * 2**20
