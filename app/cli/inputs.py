"""The pictures that a command names: files of this machine, addresses, and earlier results."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.cli.client import ClientError

RESULT: Final = re.compile(r"(?P<generation>gen_[0-9a-f]{40})(?::(?P<index>[0-9]{1,2}))?")
MAX_BYTES: Final = 20 * 2**20


@dataclass(frozen=True, slots=True)
class GivenInputs:
    """What a request says of its inputs, and the files that come along, both by role."""

    named: Mapping[str, Any]
    files: Mapping[str, bytes]


def read_inputs(**given: str | None) -> GivenInputs:
    """Each is a file, a URL, or `gen_…` with `:index` behind it, by role. Raises ClientError."""
    named: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    for role, text in given.items():
        if text is None:
            continue
        result = RESULT.fullmatch(text)
        if result is not None:
            named[role] = {"generation": result["generation"], "index": int(result["index"] or 0)}
        elif text.startswith(("http://", "https://")):
            named[role] = text
        else:
            files[role] = _read(role, Path(text))
    return GivenInputs(named, files)


def _read(role: str, path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ClientError(f"--{role} {path}: cannot read it: {error.strerror}", asked_wrongly=True) from error
    if len(content) > MAX_BYTES:
        size = len(content) / 2**20
        raise ClientError(f"--{role} {path}: {size:.1f} MiB is over the limit of 20", asked_wrongly=True)
    return content


def size_of(size: str | None, width: int | None, height: int | None) -> tuple[int | None, int | None]:
    """Width and height of `--size 512x384`, or those that were given apart. Raises ClientError."""
    if size is None:
        return width, height
    match = re.fullmatch(r"([1-9][0-9]{0,4})[xX×]([1-9][0-9]{0,4})", size)
    if match is None:
        raise ClientError(f"--size {size}: say WIDTHxHEIGHT in pixels, such as 512x384", asked_wrongly=True)
    if width is not None or height is not None:
        raise ClientError("--size says what --width and --height say: give one or the other", asked_wrongly=True)
    return int(match[1]), int(match[2])
