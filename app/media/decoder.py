"""Pictures from outside, read by child processes: what a hostile file may break is not ours. Knows pipes, no job."""

from __future__ import annotations

import json
import logging
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO, Any, Final

from PIL import Image

from app.media.decoder_process import LENGTH, MAX_PIXELS, TOO_LARGE, UNREADABLE
from core.errors import InvalidRequest, PayloadTooLarge

logger = logging.getLogger(__name__)

MAX_BYTES: Final = 20 * 1024 * 1024
SECONDS: Final = 30.0
"""Of wall clock, on however busy a machine; the child itself stops after 5 s of work."""

CHANNELS: Final = {"RGB": 3, "RGBA": 4}

OpenPicture = Callable[[bytes, str], Image.Image]
"""The pixels of a file, RGB or RGBA, upright. Raises InvalidRequest or PayloadTooLarge, naming the parameter."""


class Child:
    """One process that reads one picture after another; a new one whenever it is gone."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, content: bytes) -> tuple[dict[str, Any], bytes]:
        """The child's answer: a header and pixels. Raises OSError or ValueError if it has none that makes sense."""
        process = self._running()
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None  # noqa: S101 - both are pipes
        assert stdout is not None  # noqa: S101
        watch = threading.Timer(SECONDS, process.kill)
        watch.start()
        try:
            stdin.write(LENGTH.pack(len(content)))
            stdin.write(content)
            stdin.flush()
            return _answer(stdout)
        except (OSError, ValueError):
            self.stop()
            raise
        finally:
            watch.cancel()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self.stop()
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app.media.decoder_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for us; the child ends when its input does
            )
        return self._process


class Decoder:
    """As many children as pictures are read at a time; who finds none idle waits."""

    def __init__(self, children: int) -> None:
        self._children = [Child() for _ in range(children)]
        self._idle: queue.LifoQueue[Child] = queue.LifoQueue()
        for child in self._children:
            self._idle.put(child)

    def open_picture(self, content: bytes, param: str) -> Image.Image:
        """The pixels, RGB or RGBA, upright. Raises InvalidRequest or PayloadTooLarge, naming `param`."""
        if len(content) > MAX_BYTES:
            raise PayloadTooLarge(
                f"'{param}' has {len(content) / 2**20:.1f} MiB, over the limit of {MAX_BYTES // 2**20}", param=param
            )
        header, pixels = self._read(content)
        if header.get("refused") == TOO_LARGE:
            width, height = header["size"]
            raise InvalidRequest(
                f"'{param}' has {width} x {height} pixels, over the limit of {MAX_PIXELS / 1e6:.1f} million",
                code="image_too_large",
                param=param,
            )
        if "refused" in header:
            logger.info("a picture was refused", extra={"reason": header.get("reason")})
            raise InvalidRequest(
                f"'{param}' cannot be read as a PNG, JPEG or WebP picture", code="invalid_image", param=param
            )
        return Image.frombytes(header["mode"], tuple(header["size"]), pixels)

    def _read(self, content: bytes) -> tuple[dict[str, Any], bytes]:
        child = self._idle.get()
        try:
            return child.read(content)
        except (OSError, ValueError) as error:
            logger.warning("a picture ended the process that read it", extra={"reason": str(error)})
            return {"refused": UNREADABLE, "reason": "it ended the process that read it"}, b""
        finally:
            self._idle.put(child)

    def close(self) -> None:
        for child in self._children:
            child.stop()


def _answer(stdout: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """The child may have been taken over by what it read: nothing that it says is believed unseen."""
    header = json.loads(stdout.readline(1024))
    if "refused" in header:
        return header, b""
    width, height = header["size"]
    if not (0 < width * height <= MAX_PIXELS):
        raise ValueError("no such size")
    size = width * height * CHANNELS.get(header["mode"], 0)
    pixels = stdout.read(size)
    if not size or len(pixels) != size:
        raise ValueError("the picture is cut short")
    return header, pixels
