"""The format of the files that are asked for: said outright, or by the ending of their name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from app.cli.client import AskedWrongly
from core.tasks import all_tasks

STANDARD_OUTPUT: Final = "-"
USUAL: Final = "png"
MADE: Final = {each.name: each.extension for task in all_tasks().values() for each in task.medium.formats}
EXTENSIONS: Final = {**MADE, "jpeg": "jpg"}
"""How the names of files end, by what a request calls their format."""

FORMATS: Final = {ending: name for endings in (EXTENSIONS, MADE) for name, ending in endings.items()}
"""The other way round, however the ending is spelled."""


def format_of(out: str | None, said: str | None) -> str:
    """What `--format` says, or the file's ending; PNG if neither does. Raises AskedWrongly if they do not fit."""
    asked = None if said is None else _named(said)
    if out is None or out == STANDARD_OUTPUT or is_folder(out):
        return asked or USUAL
    ending = FORMATS.get(Path(out).suffix[1:].lower())
    if ending is not None and asked not in (None, ending):
        raise AskedWrongly(f"--out {out} is a name for {ending}, and --format says {asked}: leave one of them out")
    if ending is None and asked is None:
        endings = ", ".join(f".{each}" for each in FORMATS)
        raise AskedWrongly(f"--out {out}: end it in one of {endings}, or say --format; a folder ends in {os.sep}")
    return asked or str(ending)


def is_folder(out: str) -> bool:
    """Whether files go into it, under names of ours: it is there, or ends as folders do."""
    return out.endswith(os.sep) or Path(out).is_dir()


def _named(said: str) -> str:
    name = FORMATS.get(said.lower(), said.lower())
    if name not in EXTENSIONS:
        raise AskedWrongly(f"--format {said}: there is {', '.join(EXTENSIONS)}")
    return name
