"""Finds the folder of configurations and tokenizers that goes with a single file of weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from core.catalog.checkpoint import Checkpoint
from core.catalog.families import INDEX
from core.catalog.tensor_info import CheckpointError

SMALL_FILES: Final = ["*.json", "*.txt", "*.model", "*/*.json", "*/*.txt", "*/*.model"]


def config_folder(
    named: str | None,
    checkpoint: Checkpoint,
    path: Path,
    locate: Callable[[str], Path | None],
    *,
    local_only: bool,
) -> Path:
    """The folder or cached hub id `named` in the row, else the cached one of the original model, else one beside.

    One beside the file is named as it is, with `.config` after it. Unless `local_only`, the original model's is fetched
    last: small files, no weights. Raises CheckpointError if there is none.
    """
    if named is not None:
        folder = locate(named) or hub_folder(named, local_only=local_only)
        if folder is None or not (folder / INDEX).is_file():
            raise CheckpointError(f"`config` is '{named}': neither a folder with a {INDEX} nor a hub id in the cache")
        return folder
    reference = checkpoint.reference
    cached = hub_folder(reference, local_only=True) if reference else None
    for folder in (cached, path.with_name(f"{path.name}.config")):
        if folder is not None and (folder / INDEX).is_file():
            return folder
    if reference and not local_only and (fetched := hub_folder(reference, local_only=False)) is not None:
        return fetched
    raise CheckpointError(
        f"{path.name} is {checkpoint.title}, and nothing says how it is configured: name a folder of such a model, "
        f"or its hub id if it is in the cache (such as {checkpoint.reference}), as `config`"
    )


def hub_folder(repository: str, *, local_only: bool) -> Path | None:
    """The small files of a hub repository, from the cache, or fetched unless `local_only`; None if there are none."""
    try:
        return Path(snapshot_download(repository, allow_patterns=SMALL_FILES, local_files_only=local_only))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError):
        return None
