"""Textual inversions: whether a file is one, and the word that stands for it."""

from __future__ import annotations

import re
from pathlib import Path

from app.cli.client import AskedWrongly
from core.catalog.checkpoint import CheckpointError, read_checkpoint
from core.catalog.model import WORD


def is_embedding(typed: str) -> bool:
    """Whether a file on this disk is a textual inversion."""
    path = Path(typed).expanduser()
    try:
        return path.is_file() and path.suffix == ".safetensors" and read_checkpoint(path).kind == "textual-inversion"
    except CheckpointError:
        return False


def word_for(typed: str, named: str | None) -> str:
    """What stands for it in a prompt: as it was `named`, else after its file. Raises AskedWrongly."""
    word = named if named is not None else re.sub(r"[\s()\[\]:\\,]+", "-", Path(typed).stem)
    if not re.fullmatch(WORD, word):
        raise AskedWrongly(f"--id {word}: what stands for a textual inversion is one word without ( ) [ ] : and commas")
    return word
