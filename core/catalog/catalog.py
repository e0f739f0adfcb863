"""The catalogue: which models this server has, read from a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from core.catalog.adapter import ADAPTER_KINDS, AdapterKind, AdapterRow
from core.catalog.checkpoint import CheckpointError, read_checkpoint
from core.catalog.families import UNKNOWN, family_defaults, family_of, pipeline_of
from core.catalog.model import Model
from core.catalog.wildcards import wildcards_of
from core.errors import NotFound
from core.record import StrictRecord
from core.tasks import all_tasks

Row = TypeVar("Row")


class CatalogError(ValueError):
    """The catalogue file is wrong; the message says where."""


class Catalog(StrictRecord):
    """The models in file order; the first is the default unless `default` names another. And what guides them."""

    models: tuple[Model, ...] = Field(min_length=1)
    adapters: tuple[AdapterRow, ...] = ()
    default: str
    folder: Path
    wildcards: dict[str, tuple[str, ...]] = Field(default={})
    modified: int = 0
    """When the file was last written, in Unix seconds."""

    @classmethod
    def load(cls, path: Path) -> Catalog:
        """Raise CatalogError if the file cannot be read or a row is wrong."""
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise CatalogError(f"cannot read the model catalogue {path}: {error}") from error
        default, adapters = document.pop("default", None), document.pop("adapters", {})
        folder = path.parent.resolve()
        try:
            wildcards = wildcards_of(document.pop("wildcards", {}), folder)
        except ValueError as error:
            raise CatalogError(f"{path}: {error}") from error
        models = _rows(document, path, "model", lambda model_id, row: _model(model_id, row, folder))
        guides = _rows(adapters, path, "adapter", lambda named, row: AdapterRow.model_validate({"id": named, **row}))
        if not models:
            raise CatalogError(f"{path} names no model")
        try:
            catalog = cls(
                models=models,
                adapters=guides,
                default=default or models[0].id,
                folder=folder,
                wildcards=wildcards,
                modified=int(path.stat().st_mtime),
            )
        except ValidationError as error:
            raise CatalogError(f"{path}: {in_words(error)}") from error
        if catalog.default not in {model.id for model in models}:
            raise CatalogError(f"{path}: default = '{catalog.default}' is not one of its models")
        return catalog

    @model_validator(mode="after")
    def _names_are_one_model_s(self) -> Self:
        taken = {model.id: model.id for model in self.models}
        for model in self.models:
            for alias in model.aliases:
                if taken.setdefault(alias, model.id) != model.id or alias == model.id:
                    raise ValueError(f"the alias '{alias}' of model '{model.id}' is a name of model '{taken[alias]}'")
        return self

    def model(self, name: str | None) -> Model:
        """The row whose id or alias is `name`, or the default's if None. Raises NotFound (`model_not_found`)."""
        wanted = name or self.default
        for model in self.models:
            if model.id == wanted or wanted in model.aliases:
                return model
        known = ", ".join(f"'{model.id}'" for model in self.models)
        also = ", ".join(f"'{alias}'" for model in self.models for alias in model.aliases)
        names = f"{known}, also called {also}" if also else known
        raise NotFound(f"there is no model '{wanted}'; this server has {names}", code="model_not_found", param="model")

    @property
    def drawing(self) -> tuple[Model, ...]:
        """The diffusion models among them."""
        return tuple(model for model in self.models if model.draws)

    def model_for(self, task: str) -> Model:
        """The default if its row has `task`, else the first whose row does; the default where none does."""
        default = self.model(None)
        return next((model for model in (default, *self.models) if task in model.tasks), default)

    def adapter(self, adapter_id: str) -> AdapterRow:
        """The adapter of that id. Raises NotFound (`adapter_not_found`)."""
        found = next((each for each in self.adapters if each.id == adapter_id), None)
        if found is None:
            known = ", ".join(f"'{each.id}'" for each in self.adapters)
            has = f"this server has {known}" if known else "this server has none"
            raise NotFound(
                f"there is no adapter '{adapter_id[:64]}'; {has}", code="adapter_not_found", param="adapters"
            )
        return found

    def adapters_of(self, model: Model, kinds: Collection[AdapterKind] = ADAPTER_KINDS) -> tuple[AdapterRow, ...]:
        """Those that go with `model`, of those `kinds`."""
        return tuple(each for each in self.adapters if each.kind in kinds and each.fits(model))

    def local_path(self, source: str) -> Path | None:
        """The folder or file that `source`, as rows write it, names; None if it is a hub id."""
        path = (self.folder / Path(source).expanduser()).resolve()
        return path if path.exists() else None

    def queues(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(model.queue for model in self.models))


def in_words(error: ValidationError | TypeError) -> str:
    """Each fault of a row: its field, the value, and what would be right."""
    if isinstance(error, TypeError):
        return str(error)
    told = []
    for fault in error.errors(include_url=False):
        field = ".".join(str(part) for part in fault["loc"])
        words = str(fault["msg"]).removeprefix("Value error, ")
        if fault["type"] == "missing":
            told.append(f"'{field}' is missing")
        elif fault["type"] == "extra_forbidden":
            told.append(f"there is no field '{field}'")
        elif field:
            told.append(f"'{field}' is {str(fault['input'])[:80]!r}: {words[:1].lower()}{words[1:]}")
        else:
            told.append(words)
    return "; ".join(told)


def _rows(tables: Mapping[str, Any], path: Path, what: str, read: Callable[[str, Any], Row]) -> tuple[Row, ...]:
    """Each table as a row. Raises CatalogError, by the row's kind and id."""
    rows = []
    for row_id, table in tables.items():
        try:
            rows.append(read(row_id, table))
        except (ValidationError, TypeError) as error:
            raise CatalogError(f"{path}: {what} '{row_id}': {in_words(error)}") from error
    return tuple(rows)


def _model(model_id: str, row: dict[str, Any], folder: Path) -> Model:
    """The row over what is usual in its family. Raises ValidationError, or TypeError for what is no table."""
    told = {**row}
    pipeline = told.get("pipeline") or _pipeline(folder / Path(str(told.get("source"))).expanduser())
    family = str(told.get("family") or (family_of(str(pipeline)) if pipeline else UNKNOWN))
    model = Model.model_validate({"id": model_id, "family": family, **family_defaults(family), **told})
    unknown = [task for task in model.tasks if task not in all_tasks()]
    if unknown:
        raise TypeError(f"there is no task '{unknown[0]}'; there are {', '.join(all_tasks())}")
    return model


def _pipeline(source: Path) -> str | None:
    """The class that a row's source draws with: a folder names it, a single file's shapes tell it."""
    if not source.is_file():
        return pipeline_of(source)
    try:
        return read_checkpoint(source).pipeline
    except CheckpointError:
        return None
