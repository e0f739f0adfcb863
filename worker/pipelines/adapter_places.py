"""Where what an adapter's row names lies: a file or a folder here, or a repository of the hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from core.catalog.hub_cache import HUB_ID
from core.catalog.tensor_info import CheckpointError
from worker.pipelines.loras import lora_file

Locate = Callable[[str], Path | None]

WANTED_FILES = ["*.json", "*.safetensors", "*/*.json", "*/*.safetensors"]


def place_of(source: str, locate: Locate, *, local_only: bool) -> Path:
    """The file or folder, fetched unless `local_only`. Raises CheckpointError if it cannot be had.

    `owner/name` is all of a repository, `owner/name/file.safetensors` a file of it, `owner/name/folder` a folder.
    """
    if (path := locate(source)) is not None:
        return path
    name, _, revision = source.partition("@")
    if name.endswith(".safetensors"):
        return lora_file(source, locate, local_only=local_only)
    repo, inner = "/".join(name.split("/")[:2]), "/".join(name.split("/")[2:])
    if not HUB_ID.fullmatch(repo):
        raise CheckpointError(f"there is no file or folder '{source}', and it is no hub id (owner/name)")
    patterns = [f"{inner}/{each}" for each in ("*.json", "*.safetensors")] if inner else WANTED_FILES
    try:
        whole = downloaded(repo, revision or None, patterns, local_only=local_only)
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        raise CheckpointError(f"'{source}' is no folder here, nor in the hub's cache") from error
    place = Path(whole) / inner
    if not place.exists():
        raise CheckpointError(f"'{repo}' has no '{inner}'")
    return place


def downloaded(repo: str, revision: str | None, patterns: list[str], *, local_only: bool) -> str:
    """The snapshot as it is cached; asked of the hub only where it is not, since every request looks for it."""
    try:
        return snapshot_download(repo, revision=revision, allow_patterns=patterns, local_files_only=True)
    except LocalEntryNotFoundError:
        if local_only:
            raise
        return snapshot_download(repo, revision=revision, allow_patterns=patterns)
