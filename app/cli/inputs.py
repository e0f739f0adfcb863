"""What `--image`, `--mask` and the like name: a file, standard input, a URL, or an output of an earlier job."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from app.cli.client import AskedWrongly
from core.jobs import JOB_ID
from core.media import MAX_FILE_BYTES

STANDARD_INPUT: Final = "-"
OUTPUT: Final = re.compile(rf"({JOB_ID.pattern})(?::([0-9]{{1,2}}))?")
FETCHED: Final = re.compile(r"https?://|data:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Inputs:
    """By role: what the server finds by itself from its `names`, and the `files` that are sent along."""

    names: Mapping[str, Any]
    files: Mapping[str, Sequence[bytes]]


def inputs_of(given: Mapping[str, str | None]) -> Inputs:
    """Read what was `given` for each role. Raises AskedWrongly for a file that cannot be read."""
    names: dict[str, Any] = {}
    files: dict[str, Sequence[bytes]] = {}
    for role, text in given.items():
        if text is None:
            continue
        name, content = named_or_read(role, text)
        if content is None:
            names[role] = name
        else:
            files[role] = [content]
    return Inputs(names, files)


def named_or_read(role: str, text: str) -> tuple[Any, bytes | None]:
    """What the server is to find by itself, or the bytes of a file here. Raises AskedWrongly."""
    if match := OUTPUT.fullmatch(text):
        return {"generation": match[1], "index": int(match[2] or 0)}, None
    if FETCHED.match(text):
        return text, None
    return None, _read(role, text)


def _read(role: str, text: str) -> bytes:
    try:
        with _opened(text) as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        told = f"--{role} {text}: {error.strerror}; name a file, a URL, or gen_…:index for an output of a job"
        raise AskedWrongly(told) from error
    if not content:
        raise AskedWrongly(f"--{role} {text}: there is nothing in it")
    if len(content) > MAX_FILE_BYTES:
        raise AskedWrongly(f"--{role} {text}: it is over the limit of {MAX_FILE_BYTES // 2**20} MiB")
    return content


def _opened(text: str) -> BinaryIO:
    """The file of that name, or standard input, which is as good as empty where it is closed."""
    if text != STANDARD_INPUT:
        return Path(text).open("rb")
    return io.BytesIO() if sys.stdin is None else sys.stdin.buffer
