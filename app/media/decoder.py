"""Pictures from outside, read by child processes: what a hostile file may break is not ours, its pixels stay there."""

from __future__ import annotations

import json
import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import IO, Any, Final

from app.media.conversion import Conversion
from app.media.decoder_process import MAX_PIXELS, TOO_LARGE, UNREADABLE
from app.media.plain_png import is_plain_png
from app.media.sheets import Sheet
from core.errors import InvalidRequest, PayloadTooLarge, Unavailable
from core.media import IMAGE, MAX_FILE_BYTES

logger = logging.getLogger(__name__)

SECONDS: Final = 30.0
"""Of wall clock, on however busy a machine; the child itself stops after 5 s of work."""

MAX_WRITTEN_BYTES: Final = 4 * MAX_PIXELS
FORMATS: Final = {each.name.upper(): each for each in IMAGE.formats}
"""Those that are read, by Pillow's names."""


class Child:
    """One process that obeys one command after another; a new one whenever it is gone."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def command(self, command: dict[str, Any], content: bytes = b"") -> tuple[dict[str, Any], bytes]:
        """Its answer: a header, and a file if it tells of one. Raises OSError or ValueError for one without sense."""
        process = self._running()
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None  # noqa: S101 - both are pipes
        assert stdout is not None  # noqa: S101
        watch = threading.Timer(SECONDS, process.kill)
        watch.start()
        try:
            stdin.write(json.dumps(command).encode() + b"\n")
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
                # Libraries that OpenCV brings reserve memory for each core, and the child may have little.
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl-C is for us; the child ends when its input does
            )
        return self._process


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture that a child holds open: pixels upright, `is_clear` where some of it is transparent."""

    number: int
    param: str
    width: int
    height: int
    medium: str
    extension: str
    is_clear: bool


class OpenPictures:
    """The pictures of one request, all in one child, until the request is through with them."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._count = 0

    def close(self) -> None:
        """Let go of them."""
        if self._count:
            self._command({"close": True}, b"")

    def open(self, content: bytes, param: str, limit: int = MAX_FILE_BYTES) -> Picture:
        """Raises InvalidRequest or PayloadTooLarge, naming `param`, for what is no picture within our limits.

        `limit` is in bytes; pictures that we made ourselves may have more than those of clients.
        """
        _check_size(content, param, limit)
        header, _ = self._command({"open": len(content)}, content)
        if header.get("refused") == TOO_LARGE:
            width, height = header["size"]
            raise InvalidRequest(
                f"'{param}' has {width} x {height} pixels, over the limit of {MAX_PIXELS / 1e6:.1f} million",
                code="image_too_large",
                param=param,
            )
        if "refused" in header:
            raise _unreadable(param, str(header.get("reason")))
        try:
            width, height = (int(side) for side in header["size"])
            kind = FORMATS[header["format"]]
            picture = Picture(self._count, param, width, height, kind.media_type, kind.extension, bool(header["clear"]))
        except (KeyError, TypeError, ValueError) as error:
            raise _unreadable(param, f"a strange answer: {error}") from error
        self._count += 1
        return picture

    def texts(self, content: bytes, param: str, limit: int = MAX_FILE_BYTES) -> dict[str, str]:
        """The words that programs wrote into the picture in `content`, by their names in it.

        Raises InvalidRequest or PayloadTooLarge, naming `param`, for what is no picture within our limits.
        """
        _check_size(content, param, limit)
        header, written = self._command({"texts": len(content)}, content)
        try:
            texts = json.loads(written)
        except ValueError as error:
            raise _unreadable(param, str(header.get("reason", "no texts"))) from error
        if not isinstance(texts, dict):
            raise _unreadable(param, "strange texts")
        return {str(name): value for name, value in texts.items() if isinstance(value, str)}

    def png(self, picture: Picture, conversion: Conversion) -> bytes:
        """The PNG file that `conversion` makes of `picture`. Raises InvalidRequest if the child cannot make it."""
        header, content = self._command({"write": picture.number, **asdict(conversion)}, b"")
        if not is_plain_png(content, conversion.channel):
            raise _unreadable(picture.param, str(header.get("reason", "what was written is no plain PNG")))
        return content

    def shrink(self, picture: Picture, side: int) -> None:
        """Keep just `side` pixels a side of it, so that many can be open at a time."""
        self._command({"shrink": picture.number, "side": side}, b"")

    def sheet(self, sheet: Sheet) -> bytes:
        """The PNG file of a contact sheet. Raises Unavailable if the child cannot make it."""
        header, content = self._command({"sheet": asdict(sheet)}, b"")
        if not is_plain_png(content, "colour"):
            logger.warning("no sheet could be made", extra={"reason": str(header.get("reason"))[:200]})
            raise Unavailable("the sheet could not be put together; try again", retry_after=1)
        return content

    def _command(self, command: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
        try:
            return self._child.command(command, content)
        except (OSError, ValueError) as error:
            logger.warning("a picture ended the process that read it", extra={"reason": str(error)})
            return {"refused": UNREADABLE, "reason": "it ended the process that read it"}, b""


def _check_size(content: bytes, param: str, limit: int) -> None:
    if len(content) > limit:
        raise PayloadTooLarge(
            f"'{param}' has {len(content) / 2**20:.1f} MiB, over the limit of {limit // 2**20}", param=param
        )


def _unreadable(param: str, reason: str) -> InvalidRequest:
    logger.info("a picture was refused", extra={"reason": reason[:200]})
    return InvalidRequest(f"'{param}' cannot be read as a PNG, JPEG or WebP picture", code="invalid_image", param=param)


class Decoder:
    """As many children as requests with pictures are read at a time; who finds none idle waits."""

    def __init__(self, children: int) -> None:
        self._children = [Child() for _ in range(children)]
        self._idle: queue.LifoQueue[Child] = queue.LifoQueue()
        for child in self._children:
            self._idle.put(child)

    @contextmanager
    def pictures(self) -> Iterator[OpenPictures]:
        """A child's open pictures, which are let go at the end."""
        child = self._idle.get()
        opened = OpenPictures(child)
        try:
            yield opened
        finally:
            opened.close()
            self._idle.put(child)

    def close(self) -> None:
        """End the children."""
        for child in self._children:
            child.stop()


def _answer(stdout: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """The child may have been taken over by what it read: nothing that it says is believed unseen."""
    header = json.loads(stdout.readline(1024))
    if not isinstance(header, dict):
        raise ValueError("no such answer")
    size = header.get("bytes", 0)
    if not isinstance(size, int) or not 0 <= size <= MAX_WRITTEN_BYTES:
        raise ValueError("no such size")
    content = stdout.read(size)
    if len(content) != size:
        raise ValueError("the file is cut short")
    return header, content
