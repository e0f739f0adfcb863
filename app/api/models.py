"""The models of this server, as a client needs to know them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from app.auth.access import needs
from app.http.errors import documented
from app.services import Allowed, ServicesOf
from core.catalog.catalog import Catalog
from core.catalog.model import Model
from core.errors import Forbidden
from core.keys import Scope
from core.schedulers import NoiseSchedule, Scheduler
from core.store import WorkerInfo
from core.tasks import tasks_of

router = APIRouter(prefix="/v1/models", tags=["models"], dependencies=[needs(Scope.READ)])


class SizeView(BaseModel):
    """Width and height: from `minimum` to `maximum` pixels in steps of `multiple`; and the defaults."""

    minimum: int
    maximum: int
    multiple: int
    width: int
    height: int


class ModelView(BaseModel):
    """What a model can do, its limits, and what it does when a request does not say."""

    id: str = Field(examples=["easel-mini"])
    object: Literal["model"] = "model"
    created: int = Field(description="When the catalogue was last changed, in Unix seconds.")
    owned_by: Literal["easel"] = "easel"
    description: str
    family: str
    tasks: tuple[str, ...]
    license: str
    is_default: bool = Field(description="Whether a request that names no model gets this one.")
    ready: bool = Field(
        description="Whether a living worker serves it; the first job may still wait while it is loaded."
    )
    size: SizeView
    num_inference_steps: int
    max_steps: int
    guidance_scale: float
    scheduler: Scheduler
    schedulers: tuple[Scheduler, ...]
    noise_schedules: dict[Scheduler, tuple[NoiseSchedule, ...]] = Field(
        description="What `noise_schedule` may be with each of its samplers."
    )
    negative_prompt: bool = Field(description="Whether it takes one.")
    max_images: int
    styles: dict[str, str] = Field(description="What `style` may be, and how it is put: `{prompt}` is the prompt.")


class ModelList(BaseModel):
    """Every model of this server."""

    object: Literal["list"] = "list"
    data: list[ModelView]


def _view(model: Model, catalog: Catalog, workers: tuple[WorkerInfo, ...]) -> ModelView:
    fields = {name: getattr(model, name) for name in ModelView.model_fields if name in Model.model_fields}
    fields["noise_schedules"] = model.noise_schedules
    return ModelView(
        **{**fields, "size": SizeView(**model.size.__dict__), "tasks": tasks_of(model)},
        created=catalog.modified,
        is_default=model.id == catalog.default,
        ready=any(model.id in worker.models for worker in workers),
    )


@router.get("", summary="List the models", responses=documented(503))
def list_models(services: ServicesOf, allowed: Allowed) -> ModelList:
    """The models that your key may name, with their sizes, steps and samplers."""
    workers = services.workers.alive()
    return ModelList(
        data=[_view(model, services.catalog, workers) for model in services.catalog.models if allowed(model.id)]
    )


@router.get("/{model_id}", summary="Look at a model", responses=documented(403, 404, 503))
def get_model(
    model_id: Annotated[str, Path(examples=["easel-mini"], description="An id of GET /v1/models.")],
    services: ServicesOf,
    allowed: Allowed,
) -> ModelView:
    """One model of the list."""
    model = services.catalog.model(model_id[:64])
    if not allowed(model.id):
        raise Forbidden(f"your API key may not use the model '{model.id}'", code="model_not_allowed", param="model_id")
    return _view(model, services.catalog, services.workers.alive())
