"""Looks whether every model of the catalogue has its files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.cli.checks.finding import Finding
from core.catalog.catalog import Catalog, CatalogError
from core.settings import Settings

INDEX: Final = "model_index.json"


def model_findings(chosen: Settings) -> Iterator[Finding]:
    """Whether the catalogue can be read, and whether each model's weights are there."""
    try:
        catalog = Catalog.load(chosen.catalog)
    except CatalogError as error:
        yield Finding("models", "problem", str(error), "mend the file, or set EASEL_CATALOG")
        return
    for model in catalog.models:
        what = f"model {model.id}"
        folder = catalog.local_path(model.source)
        if folder is not None:
            missing = missing_files(folder)
            if missing:
                found = f"{folder} lacks {', '.join(missing)}"
                yield Finding(what, "problem", found, "copy the whole folder again; with git, try 'git lfs pull'")
            else:
                yield Finding(what, "ok", f"folder {model.source}")
        elif chosen.allow_downloads:
            yield Finding(what, "ok", f"from the hub: {model.source}")
        else:
            advice = "put the folder there, or set EASEL_ALLOW_DOWNLOADS=true if it is a hub id"
            yield Finding(what, "problem", f"no folder {model.source}", advice)


def missing_files(folder: Path) -> list[str]:
    """What a pipeline's folder should have and does not, as paths inside it."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        parts = [name for name, kind in index.items() if isinstance(kind, list) and kind[0] is not None]
    except (OSError, ValueError, AttributeError, IndexError):
        return [INDEX]
    return [missing for part in parts for missing in _missing_of_part(folder, part)]


def _missing_of_part(folder: Path, part: str) -> list[str]:
    home = folder / part
    if not home.is_dir():
        return [f"{part}/"]
    if not (home / "config.json").exists():
        return []  # schedulers and tokenizers have no weights
    weights = [path for path in home.glob("*.safetensors") if path.stat().st_size > 0]
    if not weights:
        return [f"{part}/*.safetensors"]
    there = {path.name for path in weights}
    return [f"{part}/{name}" for name in sorted(_shards(home) - there)]


def _shards(home: Path) -> set[str]:
    """The files that an index of split weights names."""
    found: set[str] = set()
    for path in home.glob("*.safetensors.index.json"):
        found |= set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values())
    return found
