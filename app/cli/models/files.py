"""The files of a model on this disk: where they lie, how large they are, and which of them may be deleted."""

from __future__ import annotations

import shutil
from pathlib import Path

from app.cli.client import AskedWrongly, ClientError
from core.catalog.catalog import Catalog
from core.catalog.hub_cache import HUB_ID, cache_folder, repository_folder
from core.catalog.model import Model


def bytes_at(place: Path) -> int:
    """Of a file, or of all files below a folder; what is linked twice counts once."""
    files = [place] if place.is_file() else [file for file in place.rglob("*") if file.is_file()]
    return sum({file.resolve(): file.stat().st_size for file in files}.values())


def cached_repository(model: Model, catalog: Catalog) -> Path | None:
    """The folder of the hub's cache that only `model` uses. Raises AskedWrongly where its files are not the cache's."""
    mine = _repository(model, catalog)
    if mine is None:
        place = catalog.local_path(model.source) or model.source
        raise AskedWrongly(f"--files: {place} is yours, and Easel deletes only what it fetched from the hub")
    others = [each.id for each in catalog.models if each.id != model.id and _repository(each, catalog) == mine]
    if others:
        raise AskedWrongly(f"--files: model '{others[0]}' uses the same files; leave --files out")
    return mine if mine.is_dir() else None


def delete(folder: Path) -> int:
    """The bytes that it freed. Raises ClientError."""
    freed = bytes_at(folder)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise ClientError(f"cannot delete {folder}: {error.strerror}") from error
    return freed


def _repository(model: Model, catalog: Catalog) -> Path | None:
    place, cache = catalog.local_path(model.source), cache_folder().resolve()
    if place is None:
        return repository_folder(model.source) if HUB_ID.fullmatch(model.source) else None
    written = Path(model.source)  # a file of a snapshot is a link, and leads to a blob when it is followed
    for path in (written, place):
        if path.is_relative_to(cache) and path != cache:
            return cache / path.relative_to(cache).parts[0]
    return None
