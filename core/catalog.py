"""Which models exist, their limits and defaults, read from a TOML file. Loads no weights and knows no pipeline."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, ValidationError, model_validator

from core.errors import InvalidRequest, NotFound
from core.jobs import MAX_IMAGES, MAX_STEPS, GenerationRequest, Record, Scheduler, Task


class CatalogError(ValueError):
    """The catalogue file is wrong; the message says where."""


class Family(StrEnum):
    """The model families that a worker knows how to call."""

    SD15 = "sd15"
    SDXL = "sdxl"
    SD3 = "sd3"
    FLUX = "flux"


FLOW_MATCHING: Final = frozenset({Family.SD3, Family.FLUX})
"""Families trained with flow matching; they take flow schedulers only."""

DIFFUSION_SCHEDULERS: Final = tuple(s for s in Scheduler if s is not Scheduler.FLOW_MATCH_EULER)


class SizeGrid(Record):
    """Width and height a model draws: between `minimum` and `maximum` pixels, in steps of `multiple`."""

    minimum: int = Field(default=256, ge=8)
    maximum: int = Field(default=2048, le=4096)
    multiple: int = Field(default=8, ge=1)
    width: int = 512
    height: int = 512

    @model_validator(mode="after")
    def _defaults_fit(self) -> Self:
        for name in ("width", "height"):
            if self.nearest(getattr(self, name)) != getattr(self, name):
                raise ValueError(f"the default {name} {getattr(self, name)} is off the model's own grid")
        return self

    def nearest(self, pixels: int) -> int:
        """The size on the grid that is nearest to `pixels`."""
        low = -(-self.minimum // self.multiple) * self.multiple
        high = self.maximum // self.multiple * self.multiple
        return max(low, min(high, round(pixels / self.multiple) * self.multiple))


StyleName = Annotated[str, Field(min_length=1, max_length=64)]
StyleTemplate = Annotated[str, Field(max_length=500, pattern=r"^[^{}]*\{prompt\}[^{}]*$")]
"""How to say a prompt so that the model draws it in a style, such as `a flat icon of {prompt}`."""


class Model(Record):
    """One row of the catalogue.

    `source` is a folder (relative to the catalogue file, or absolute) or a hub id `owner/name`;
    `max_work` bounds n x width x height x steps of a job, in pixel-steps; `styles` are ways to put a prompt.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    source: str
    revision: str | None = None
    family: Family
    description: str = ""
    license: str = ""
    tasks: tuple[Task, ...] = (Task.TEXT_TO_IMAGE,)
    queue: str = Field(default="default", pattern=r"^[a-z0-9_-]{1,32}$")
    size: SizeGrid = SizeGrid()
    num_inference_steps: int = Field(default=25, ge=1, le=MAX_STEPS)
    max_steps: int = Field(default=MAX_STEPS, ge=1, le=MAX_STEPS)
    guidance_scale: float = Field(default=5.0, ge=0, le=50)
    scheduler: Scheduler = Scheduler.EULER
    schedulers: tuple[Scheduler, ...] = ()
    negative_prompt: bool = True
    max_images: int = Field(default=MAX_IMAGES, ge=1, le=MAX_IMAGES)
    max_work: int = Field(default=4 * 2**20 * 100, ge=1)
    styles: dict[StyleName, StyleTemplate] = Field(default={}, max_length=64)

    @model_validator(mode="before")
    @classmethod
    def _family_defaults(cls, row: dict[str, object]) -> dict[str, object]:
        flow = row.get("family") in FLOW_MATCHING
        fitting = (Scheduler.FLOW_MATCH_EULER,) if flow else DIFFUSION_SCHEDULERS
        filled: dict[str, object] = {"schedulers": fitting, **row}
        if flow:
            filled.setdefault("scheduler", Scheduler.FLOW_MATCH_EULER)
        if row.get("family") == Family.FLUX:
            filled.setdefault("negative_prompt", False)
        return filled

    @model_validator(mode="after")
    def _default_scheduler_fits(self) -> Self:
        if self.scheduler not in self.schedulers:
            raise ValueError(f"the default scheduler {self.scheduler} is not among the model's schedulers")
        return self

    def in_style(self, prompt: str, style: str | None) -> str:
        """What to ask the model for. Raises InvalidRequest for a style that it does not have."""
        if style is None:
            return prompt
        if style not in self.styles:
            known = f"it has {', '.join(self.styles)}" if self.styles else "it has none"
            raise InvalidRequest(f"style '{style[:64]}' is none of model '{self.id}': {known}", param="style")
        return self.styles[style].replace("{prompt}", prompt)

    def check(self, request: GenerationRequest) -> None:
        """Raise InvalidRequest, naming the field and what would fit, if this model cannot draw `request`."""
        if request.task not in self.tasks:
            raise InvalidRequest(f"model '{self.id}' does not do {request.task}", param="model")
        for name, pixels in (("width", request.width), ("height", request.height)):
            nearest = self.size.nearest(pixels)
            if nearest != pixels:
                grid = self.size
                raise InvalidRequest(
                    f"{name} {pixels} does not fit model '{self.id}': it takes {grid.minimum} to {grid.maximum} "
                    f"in steps of {grid.multiple}; {nearest} would fit",
                    param=name,
                )
        if request.num_inference_steps > self.max_steps:
            raise InvalidRequest(
                f"num_inference_steps {request.num_inference_steps} is over the {self.max_steps} of model '{self.id}'",
                param="num_inference_steps",
            )
        if request.scheduler not in self.schedulers:
            raise InvalidRequest(
                f"scheduler '{request.scheduler}' does not fit model '{self.id}': "
                f"it takes {', '.join(self.schedulers)}",
                param="scheduler",
            )
        if request.negative_prompt and not self.negative_prompt:
            raise InvalidRequest(f"model '{self.id}' takes no negative_prompt", param="negative_prompt")
        if len(request.seeds) > self.max_images:
            raise InvalidRequest(
                f"n {len(request.seeds)} is over the {self.max_images} of model '{self.id}'", param="n"
            )
        if request.work > self.max_work:
            raise InvalidRequest(
                f"n x width x height x num_inference_steps is {request.work}, over the {self.max_work} that model "
                f"'{self.id}' does in one job: ask for fewer images, a smaller size or fewer steps",
                param="n",
            )


class Catalog(Record):
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
        models = []
        for model_id, row in document.items():
            try:
                models.append(Model.model_validate({"id": model_id, **row}))
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
