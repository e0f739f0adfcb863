"""Has a model written as a folder of its own, by the worker's side."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from app.cli.client import AskedWrongly, ClientError
from app.cli.models.child import QUIET
from core.settings import Settings

GONE_WITH_THE_FILE: Final = frozenset({"config", "vae", "text_encoder", "revision"})
"""Fields of a row that say where its parts come from: all of them are in the folder then."""


def convert(model_id: str, folder: Path, settings: Settings) -> str:
    """The new folder, as a row names it. Raises AskedWrongly, ClientError."""
    place = folder.expanduser().absolute()
    if place.exists():
        raise AskedWrongly(f"{place} is there already: name a folder that is not")
    environment = {**QUIET, **os.environ, "EASEL_CATALOG": str(settings.catalog.absolute())}
    words = [sys.executable, "-m", "worker.convert", model_id, str(place)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    if done.returncode != 0:
        raise ClientError((done.stderr.strip().splitlines() or ["it ended without a word"])[-1])
    return str(place)
