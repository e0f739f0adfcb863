"""Says why a model could not be loaded, in words for the owner of the machine."""

from __future__ import annotations

import re
from typing import Final

import torch
from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError
from safetensors import SafetensorError

from core.catalog.model import Model
from core.catalog.tensor_info import CheckpointError
from core.errors import JobFailure

LOG: Final = "the worker's log says more"
MOST: Final = 400
NO_MEMORY: Final = "out of memory: it does not fit; use a smaller precision (`dtype`), or fewer models at once"


def reason_of(error: BaseException, row: Model) -> str:
    """One line on what is wrong, and what to do where that is known."""
    chain = _chain(error)
    known = (said for each in chain if (said := _known(each, row.source)))
    return next(known, None) or f"{_named(chain[0])}; {LOG}"


def _known(error: BaseException, source: str) -> str | None:
    for kinds, words in (
        ((JobFailure, CheckpointError), "{error}"),
        ((torch.OutOfMemoryError, MemoryError), NO_MEMORY),
        (GatedRepoError, "'{source}' is gated: accept its licence on the hub, and set HF_TOKEN for the worker"),
        (
            LocalEntryNotFoundError,
            "'{source}' is no folder or file here, nor in the hub's cache: fetch it, or allow it",
        ),
        (RepositoryNotFoundError, "there is no '{source}' on the hub, or it is private: check its name, and HF_TOKEN"),
        (SafetensorError, "its weights are damaged or cut short ({error}): download them again"),
    ):
        if isinstance(error, kinds):
            return words.format(error=_line(error), source=source)
    if "not enough memory" in str(error):
        return NO_MEMORY
    if isinstance(error, ImportError) and (needed := _library(error)):
        return f"it needs {needed}, which is not installed: pip install {needed}"
    return None


def _named(error: BaseException) -> str:
    if "okenizer" in str(error):
        return f"no tokenizer: {_line(error)}"
    return _line(error) if isinstance(error, OSError) else f"{type(error).__name__}: {_line(error)}"


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _library(error: ImportError) -> str | None:
    if error.name:
        return error.name.partition(".")[0]
    told = re.search(r"requires the (\w+) library|pip install `?([\w-]+)|[Rr]equires (torchvision)", str(error))
    return next((group for group in told.groups() if group), None) if told else None


def _line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:MOST]
