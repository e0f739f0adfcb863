"""Where the hub's cache keeps a repository on this disk, told without its library: its layout is documented.

huggingface.co/docs/huggingface_hub/guides/manage-cache: `models--owner--name` with `refs/<name>`, which holds a commit,
and `snapshots/<commit>`, which holds the files.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Final, NamedTuple

from core.catalog.families import INDEX

HUB_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9._-]{1,96}")
"""`owner/name`, as the hub allows it."""


class HubFile(NamedTuple):
    """One file of the repository `owner/name`, by its path there."""

    repo: str
    path: str
    revision: str | None = None


def hub_file(source: str) -> HubFile | None:
    """What `owner/name/path/to/file` or `owner/name/path/to/file@revision` names; None for anything else."""
    name, _, revision = source.partition("@")
    parts = name.split("/")
    if len(parts) < 3 or "" in parts or ".." in parts or not HUB_ID.fullmatch("/".join(parts[:2])):
        return None
    return HubFile("/".join(parts[:2]), "/".join(parts[2:]), revision or None)


def cached_file(source: str) -> Path | None:
    """Where the cache has what `source` names as `hub_file` reads it; None where it has not."""
    named = hub_file(source)
    folder = cached_folder(named.repo, named.revision) if named is not None else None
    if named is None or folder is None or not (folder / named.path).is_file():
        return None
    return folder / named.path


def cache_folder() -> Path:
    """The hub's cache, by the variables that its library reads, in its order."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if said := os.environ.get(name):
            return Path(said).expanduser()
    usual = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return (Path(os.environ.get("HF_HOME") or usual) / "hub").expanduser()


def repository_folder(repo: str) -> Path:
    """All that the cache has of `owner/name`; it need not be there."""
    return cache_folder() / f"models--{repo.replace('/', '--')}"


def snapshot_of(repo: str, revision: str | None = None) -> Path | None:
    """The folder of the repository's pipeline at `revision` (`main` if None); None unless all of it is cached."""
    folder = cached_folder(repo, revision)
    return folder if folder is not None and is_whole(folder) else None


def cached_folder(repo: str, revision: str | None = None) -> Path | None:
    """The same, of which only some may be cached; None where `repo` is no hub id or the cache does not know it."""
    if not HUB_ID.fullmatch(repo):
        return None
    home = repository_folder(repo)
    wanted = revision or "main"
    try:
        commit = (home / "refs" / wanted).read_text(encoding="utf-8").strip()
    except OSError:
        commit = wanted
    folder = home / "snapshots" / commit
    return folder if folder.is_dir() else None


def is_whole(folder: Path) -> bool:
    """Whether each component that the pipeline's index names is there, and each file that an index of weights names."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        parts = [name for name, kind in index.items() if isinstance(kind, list) and kind and kind[0] is not None]
        return all(_part_is_whole(folder / name) for name in parts)
    except (OSError, ValueError, AttributeError, KeyError):
        return False


def _part_is_whole(part: Path) -> bool:
    there = {file.name for file in part.iterdir() if file.exists()}
    if "config.json" in there and not any(name.endswith(".safetensors") for name in there):
        return False
    shards: set[str] = set()
    for name in there:
        if ".safetensors.index" in name and name.endswith(".json"):
            shards |= set(json.loads((part / name).read_text(encoding="utf-8"))["weight_map"].values())
    return bool(there) and shards <= there
