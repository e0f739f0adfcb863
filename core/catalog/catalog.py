"""The catalogue: which models this server has, read from a TOML file."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from core.catalog.model import Model
from core.errors import NotFound
from core.record import StrictRecord
from core.tasks import all_tasks


class CatalogError(ValueError):
    """The catalogue file is wrong; the message says where."""


class Catalog(StrictRecord):
    """The models in file order; the first is the default unless `default` names another."""

    models: tuple[Model, ...] = Field(min_length=1)
    default: str
    folder: Path
    modified: int = 0
    """When the file was last written, in Unix seconds."""

    @classmethod
    def load(cls, path: Path) -> Catalog:
        """Raise CatalogError if the file cannot be read or a row is wrong."""
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise CatalogError(f"cannot read the model catalogue {path}: {error}") from error
        default = document.pop("default", None)
        models, usual = [], family_defaults()
        for model_id, row in document.items():
            try:
                models.append(_model(model_id, row, usual))
            except (ValidationError, TypeError) as error:
                raise CatalogError(f"{path}: model '{model_id}': {error}") from error
        if not models:
            raise CatalogError(f"{path} names no model")
        catalog = cls(
            models=tuple(models),
            default=default or models[0].id,
            folder=path.parent.resolve(),
            modified=int(path.stat().st_mtime),
        )
        if catalog.default not in {model.id for model in models}:
            raise CatalogError(f"{path}: default = '{catalog.default}' is not one of its models")
        return catalog

    def model(self, model_id: str | None) -> Model:
        """The row of `model_id`, or the default's if None. Raises NotFound (`model_not_found`)."""
        wanted = model_id or self.default
        for model in self.models:
            if model.id == wanted:
                return model
        known = ", ".join(f"'{model.id}'" for model in self.models)
        raise NotFound(f"there is no model '{wanted}'; this server has {known}", code="model_not_found", param="model")

    def local_folder(self, model: Model) -> Path | None:
        """The folder that `model.source` names, or None if it is a hub id."""
        folder = (self.folder / model.source).resolve()
        return folder if folder.is_dir() else None

    def queues(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(model.queue for model in self.models))


def _model(model_id: str, row: dict[str, Any], usual: dict[str, dict[str, Any]]) -> Model:
    """The row over the `usual` fields of its family. Raises ValidationError, or TypeError for what is no table."""
    model = Model.model_validate({"id": model_id, **usual.get(str({**row}.get("family")), {}), **row})
    unknown = [task for task in model.tasks if task not in all_tasks()]
    if unknown:
        raise TypeError(f"there is no task '{unknown[0]}'; there are {', '.join(all_tasks())}")
    return model


def family_defaults() -> dict[str, dict[str, Any]]:
    """What the rows of some families need not say, by family: the fields that all of its models share."""
    return tomllib.loads((files("core.catalog") / "families.toml").read_text(encoding="utf-8"))
