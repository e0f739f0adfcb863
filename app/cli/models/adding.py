"""From what a person named to the row that fits it: fetched, looked at, and put beside what is in the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.cli.client import AskedWrongly
from app.cli.models.catalog_file import CatalogFile
from app.cli.models.child import ask
from app.cli.models.facts import Facts
from app.cli.models.loras import loras_named, scaled
from app.cli.models.networks import check_asked, fit_of, network_at, network_row
from app.cli.models.proposals import Proposal, check_aliases, check_new_id, id_for, proposed
from app.cli.models.single_files import checkpoint_of, configuration_of, facts_of, notes_of
from app.cli.models.sources import Source, source_of
from app.cli.models.weights import fitting, parameter_count
from core.catalog.catalog import Catalog
from core.catalog.hub_cache import HUB_ID
from core.settings import Settings

INSPECTION: Final = "worker.inspection"

COMPONENTS: Final = ("vae", "text_encoder")
"""What a row may take from elsewhere."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was typed: `fields` of the row as options named them, and which of them stand for a new row."""

    source: str
    model_id: str | None = None
    size: tuple[int, int] | None = None
    fields: Mapping[str, Any] | None = None
    loras: tuple[str, ...] = ()
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A row that could be written, where the model lies, and in words how it fits and what it was told from."""

    model_id: str
    proposal: Proposal
    place: Path
    fit: str
    replaces: bool


def find(wanted: Wanted, file: CatalogFile, settings: Settings) -> Found:
    """Raises AskedWrongly, ClientError, CatalogError; the catalogue is not touched."""
    source, catalog, taken = source_of(wanted.source), file.catalog(), file.ids()
    asked = {name: value for name, value in (wanted.fields or {}).items() if value}
    model_id, replaces = _id_of(wanted, source, catalog, taken)
    check_aliases(asked.get("aliases", ()), model_id, catalog)
    place = _fetched(source, settings, asked.get("dtype"))
    for component in COMPONENTS:
        _fetch_component(component, asked.get(component))
    told: dict[str, Any] = {"source": source.repo or str(source.path), "revision": source.revision}
    if source.file is not None:
        told = {"source": str(place)}
    if (network := network_at(place)) is not None:
        check_asked(network, asked, size=wanted.size, loras=wanted.loras)
        return Found(model_id, network_row(network, told, asked), place, fit_of(network), replaces)
    loras = loras_named(wanted.loras)
    looked = look(place, settings, asked)
    if loras and looked.stored is not None:
        raise AskedWrongly(f"--lora: the weights of {place.name} stay quantised, and a LoRA cannot be added to them")
    told["loras"] = scaled(loras, looked.facts)
    dtype, fit = fitting(looked.numbers, looked.facts, asked.get("dtype"), looked.stored)
    fields = {**asked, **looked.fields, "dtype": dtype}
    named = tuple(name for lora in loras for name in lora.names)
    proposal = proposed(looked.facts, told, source.names, fields, wanted.size, loras=named)
    return Found(model_id, proposal.with_notes(looked.notes), place, fit, replaces)


@dataclass(frozen=True, slots=True)
class Looked:
    """Facts of a folder or file; `fields` of the row that follow from where its parts lie.

    `numbers` are its parameters, `stored` its bytes where it stays in a precision of its own.
    """

    facts: Facts
    numbers: int
    fields: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    stored: int | None = None


def look(place: Path, settings: Settings, asked: Mapping[str, Any]) -> Looked:
    """What the folder or file says of itself. Raises AskedWrongly, ClientError."""
    if place.is_dir():
        return Looked(described(place, settings, asked.get("pipeline")), parameter_count(place), {})
    checkpoint = checkpoint_of(place)
    configuration = configuration_of(place, checkpoint, asked, settings)
    told = described(configuration.folder, settings, asked.get("pipeline") or checkpoint.pipeline)
    numbers = parameter_count(place) + sum(parameter_count(configuration.folder, part) for part in checkpoint.lacks)
    fields = {"config": configuration.named} if configuration.named else {}
    stored = checkpoint.bytes if checkpoint.format == "gguf" else None
    return Looked(facts_of(checkpoint, told), numbers, fields, notes_of(checkpoint), stored)


def described(folder: Path, settings: Settings, pipeline: str | None) -> Facts:
    """What the child process finds in a pipeline's folder. Raises AskedWrongly, ClientError."""
    question = {"do": "describe", "folder": str(folder), "device": settings.device, "pipeline": pipeline}
    return Facts.model_validate(ask(INSPECTION, question))


def _id_of(wanted: Wanted, source: Source, catalog: Catalog | None, taken: tuple[str, ...]) -> tuple[str, bool]:
    """The id of the row, and whether one of that id is there and is to be replaced."""
    if wanted.model_id is not None:
        check_new_id(wanted.model_id)
        if wanted.model_id in taken and not wanted.replace:
            raise AskedWrongly(
                f"there is a model '{wanted.model_id}' already: --replace writes its row anew, or choose another --id"
            )
        return wanted.model_id, wanted.model_id in taken
    same = same_source(source, catalog)
    if same is None:
        return id_for(source.name, taken), False
    if not wanted.replace:
        raise AskedWrongly(
            f"model '{same}' is this source already: --replace writes its row anew, and --id adds it under another name"
        )
    return same, True


def same_source(source: Source, catalog: Catalog | None) -> str | None:
    """The id of the model that lies at the same place."""
    for model in catalog.models if catalog else ():
        if source.repo is not None and source.file is None:
            if (model.source, model.revision) == (source.repo, source.revision):
                return model.id
        elif (
            catalog is not None
            and source.path is not None
            and catalog.local_path(model.source) == source.path.resolve()
        ):
            return model.id
    return None


def _fetch_component(name: str, named: str | None) -> None:
    """Bring what replaces a component from the hub, where it is a hub id. Raises AskedWrongly, ClientError."""
    if named is None or Path(named).exists():
        return
    if not HUB_ID.fullmatch(named):
        raise AskedWrongly(
            f"--{name.replace('_', '-')} {named}: no folder or file of that name, and no hub id (owner/name)"
        )
    ask(INSPECTION, {"do": "fetch", "repo": named, "component": name})


def _fetched(source: Source, settings: Settings, dtype: str | None) -> Path:
    """Where the model lies on this disk, brought there from the hub if it has to be."""
    if source.path is not None:
        return source.path
    question = {"do": "fetch", "repo": source.repo, "revision": source.revision, "device": settings.device}
    answer = ask(INSPECTION, {**question, "dtype": dtype, "file": source.file})
    return Path(answer["file"] if source.file is not None else answer["folder"])
