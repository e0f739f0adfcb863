"""Looks whether every model of the catalogue has its files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from redis.exceptions import RedisError

from app.cli.checks.finding import Finding
from app.cli.checks.single_files import file_finding
from app.cli.client import Client, ClientError
from app.stack.up import local_host
from core.catalog.catalog import Catalog, CatalogError
from core.catalog.hub_cache import cached_file, hub_file, snapshot_of
from core.catalog.model import Model
from core.catalog.model_state import State
from core.settings import Settings
from core.store import WorkerRegistry
from core.store.connection import connect

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
        if folder is not None and folder.is_file():
            yield file_finding(model, folder, catalog, chosen)
        elif folder is not None:
            missing = missing_files(folder) if model.draws else _missing_of_network(folder)
            if missing:
                found = f"{folder} lacks {', '.join(missing)}"
                yield Finding(what, "problem", found, "copy the whole folder again; with git, try 'git lfs pull'")
            else:
                yield Finding(what, "ok", f"folder {model.source}")
        elif snapshot_of(model.source, model.revision) is not None:
            yield Finding(what, "ok", f"from the hub's cache: {model.source}")
        elif chosen.allow_downloads:
            yield Finding(what, "ok", f"from the hub: {model.source}, not downloaded yet")
        else:
            advice = f"put it there; a hub id: 'easel models add {model.source}', or EASEL_ALLOW_DOWNLOADS=true"
            yield Finding(
                what, "problem", f"no folder {model.source}, no such file, and not in the hub's cache", advice
            )
        yield from lora_findings(model, catalog, chosen)


def lora_findings(model: Model, catalog: Catalog, chosen: Settings) -> Iterator[Finding]:
    """The LoRAs of a model that no worker would find; nothing where all are there."""
    for source in model.loras:
        fetched = hub_file(source) is not None and (chosen.allow_downloads or cached_file(source) is not None)
        if fetched or catalog.local_path(source) is not None:
            continue
        found = f"its LoRA {source} is neither a file nor in the hub's cache"
        yield Finding(f"model {model.id}", "problem", found, "put it there, or take it out of `loras` in its row")


def running_findings(chosen: Settings) -> Iterator[Finding]:
    """What the workers of a running server could not load; nothing where none can be asked."""
    if chosen.redis_url is None:
        yield from _told_by_the_api(chosen)
        return
    try:
        alive = WorkerRegistry(connect(chosen.redis_url, prefix=chosen.redis_prefix)).alive()
    except RedisError:
        return  # that is the finding of another check
    for worker in alive:
        for model, failure in worker.failed.items():
            advice = "mend its files or its row: the worker notices, and tries again"
            yield Finding(
                f"model {model}", "problem", f"worker {worker.name} could not load it: {failure.reason}", advice
            )


def _told_by_the_api(chosen: Settings) -> Iterator[Finding]:
    """Of an `easel up` with its own Valkey, which only its own processes know how to reach."""
    try:
        with Client(f"http://{local_host(chosen.host)}:{chosen.port}") as client:
            rows = client.models()["data"] if client.is_up() else []
    except ClientError:
        return  # with keys, it tells nothing without one
    for row in rows:
        if row["state"] == State.FAILED:
            found = f"the running server could not load it: {row['reason']}"
            yield Finding(f"model {row['id']}", "problem", found, "mend its files or its row: the worker tries again")


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


def _missing_of_network(folder: Path) -> list[str]:
    """Of a captioner, a folder of transformers' own."""
    missing = [] if (folder / "config.json").is_file() else ["config.json"]
    return missing if any(folder.glob("*.safetensors")) else [*missing, "*.safetensors"]


def _shards(home: Path) -> set[str]:
    """The files that an index of split weights names."""
    found: set[str] = set()
    for path in home.glob("*.safetensors.index.json"):
        found |= set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values())
    return found
