"""Writes files so that nothing that is there is lost."""

from __future__ import annotations

import tempfile
from pathlib import Path

from app.cli.client import AskedWrongly


def written_anew(name: Path, content: bytes) -> Path:
    """A new file: `name`, or the first of `name-2`, `name-3`, … that was free. Raises OSError and leaves no half."""
    path, number = name, 1
    while True:
        try:
            with path.open("xb") as file:
                try:
                    file.write(content)
                    file.flush()
                except OSError:
                    path.unlink(missing_ok=True)
                    raise
            return path
        except FileExistsError:
            number += 1
            path = name.with_stem(f"{name.stem}-{number}")


def check_folder(folder: Path) -> None:
    """Make `folder` if it is not there. Raises AskedWrongly if it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise AskedWrongly(f"--out: cannot write to {folder}: {error.strerror}") from error
