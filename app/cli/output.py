"""Standard output that takes no more: told as a failure of it, and not mistaken for one of any other file."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.cli.terminal import print_error

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class OutputFailed(OSError):
    """It cannot be written to, as on a full disk."""


class _Output(io.FileIO):
    """The file below standard output; that its reader has left is for the command to end quietly on."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Raises OutputFailed, or BrokenPipeError once nobody reads."""
        try:
            return super().write(data)
        except BrokenPipeError:
            _send_the_rest_nowhere(self.fileno())
            raise
        except OSError as error:
            raise OutputFailed(error.errno, error.strerror) from error


def _send_the_rest_nowhere(descriptor: int) -> None:
    """Python writes what is left once more at its end, and since 3.13 tells of it when that fails."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


@contextmanager
def output_failures_told() -> Iterator[None]:
    """Whatever is printed meanwhile is printed in full, or an error is told and the process ends with 1."""
    if sys.stdout is None:
        yield  # it was closed by whoever called: nothing is printed
        return
    before = sys.stdout
    raw = _Output(before.fileno(), "w", closefd=False)
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=before.encoding, errors=before.errors, line_buffering=before.isatty()
    )
    try:
        yield
    except OutputFailed as error:
        _send_the_rest_nowhere(raw.fileno())
        print_error(f"cannot write to standard output: {error.strerror}")
        raise SystemExit(1) from None
