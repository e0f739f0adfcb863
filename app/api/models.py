"""The models of this server, as a client needs to know them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field, field_validator

from app.auth.access import needs
from app.http.errors import documented
from app.services import Allowed, AllowedAdapters, IsAdmin, ServicesOf
from core.catalog.adapter import AdapterKind, Preprocessor
from core.catalog.catalog import Catalog
from core.catalog.default_aliases import model_meant, names_of
from core.catalog.model import Model, PromptSyntax
from core.catalog.model_state import State, state_of_model
from core.errors import Forbidden
from core.keys import Scope
from core.schedulers import NoiseSchedule, Scheduler
from core.store import WorkerInfo
from core.tasks import implied_task, tasks_of

router = APIRouter(prefix="/v1/models", tags=["models"], dependencies=[needs(Scope.READ)])


class SizeView(BaseModel):
    """Width and height: from `minimum` to `maximum` pixels in steps of `multiple`; and the defaults."""

    minimum: int
    maximum: int
    multiple: int
    width: int
    height: int


class AdapterView(BaseModel):
    """What may guide a model where a request names it."""

    id: str
    kind: AdapterKind = Field(
        description="`lora`: named in `adapters.loras`; `controlnet` and `t2i-adapter`: in `inputs.control`; "
        "`ip-adapter`, `describer`: in `inputs.reference`."
    )
    preprocessor: Preprocessor = Field(description="What a ControlNet wants made of a picture, if a request says none.")
    modes: tuple[str, ...] = Field(description="The kinds of control that it does, where those are several.")

    @field_validator("modes", mode="before")
    @classmethod
    def _names(cls, modes: object) -> object:
        return tuple(modes) if isinstance(modes, dict) else modes

    weight: float = Field(description="How strongly it guides where a request does not say.")
    trigger_words: tuple[str, ...] = Field(description="Words in a prompt that it was trained to be called by.")
    description: str
    license: str


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
    aliases: tuple[str, ...] = Field(
        description="Other names that requests may call it, those of OpenAI's models that lead to it among them."
    )
    ready: bool = Field(description="Whether it can be drawn with now: a living worker has it loaded, or can load it.")
    state: State = Field(
        description="`available` is not loaded yet, with its files there; `failed` could be loaded by no worker that "
        "serves it; `offline` is served by no living worker."
    )
    reason: str | None = Field(
        description="Why it is not ready; in full for keys with the scope `admin`, and where there are no keys."
    )
    backend: str | None = Field(
        description="What computes it where it is loaded: `eager` is torch, `openvino` compiled graphs; and what of it "
        "is left to torch, and why."
    )
    scale: int | None = Field(
        description="How many times as wide and high it makes pictures; null where it enlarges none."
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
    prompt_tokens: int | None = Field(description="How many of a prompt are read at once; null: unknown.")
    prompt_chunks: bool = Field(
        description="Whether longer prompts are read in chunks of `prompt_tokens`, and take weights; else they are cut."
    )
    prompt_syntax: PromptSyntax = Field(description="`weighted`: `(word:1.3)` in a prompt is a weight.")
    embeddings: tuple[str, ...] = Field(description="Words that stand for a textual inversion in a prompt.")
    adapters: tuple[AdapterView, ...] = Field(description="What `adapters` of a request may name, with this model.")
    references: int = Field(description="How many pictures to go by it reads itself, without an adapter.")
    max_images: int
    styles: dict[str, str] = Field(description="What `style` may be, and how it is put: `{prompt}` is the prompt.")


class ModelList(BaseModel):
    """Every model of this server."""

    object: Literal["list"] = "list"
    data: list[ModelView]


def _view(
    model: Model,
    catalog: Catalog,
    workers: tuple[WorkerInfo, ...],
    allowed: Callable[[str], bool],
    *,
    in_full: bool,
) -> ModelView:
    seen = state_of_model(model, workers)
    fields = {name: getattr(model, name) for name in ModelView.model_fields if name in Model.model_fields}
    fields.pop("backend")  # of a row: what was asked for
    fields["noise_schedules"] = model.noise_schedules
    return ModelView(
        **{
            **fields,
            "size": SizeView(**model.size.__dict__),
            "tasks": tasks_of(model),
            "aliases": names_of(model, implied_task(()).name, catalog),
            "embeddings": (*model.embeddings,),
            "adapters": tuple(
                AdapterView.model_validate(row, from_attributes=True)
                for row in catalog.adapters_of(model)
                if allowed(row.id)
            ),
        },
        created=catalog.modified,
        is_default=model.id == catalog.default,
        ready=seen.can_be_drawn,
        state=seen.state,
        reason=seen.reason if in_full else seen.message,
        backend=seen.backend if in_full or seen.backend is None else seen.backend.split(";")[0],
    )


@router.get("", summary="List the models", responses=documented(503))
def list_models(
    services: ServicesOf, allowed: Allowed, allowed_adapters: AllowedAdapters, is_admin: IsAdmin
) -> ModelList:
    """The models that your key may name, with their sizes, steps and samplers."""
    workers, catalog = services.workers.alive(), services.catalog
    return ModelList(
        data=[
            _view(model, catalog, workers, allowed_adapters, in_full=is_admin)
            for model in catalog.models
            if allowed(model.id)
        ]
    )


@router.get("/{model_id:path}", summary="Look at a model", responses=documented(403, 404, 503))
def get_model(
    model_id: Annotated[str, Path(examples=["easel-mini"], description="An id or alias of GET /v1/models.")],
    services: ServicesOf,
    allowed: Allowed,
    allowed_adapters: AllowedAdapters,
    is_admin: IsAdmin,
) -> ModelView:
    """One model of the list, or the one that a name of another service means, such as `dall-e-3`."""
    catalog = services.catalog
    model = model_meant(model_id[:128], implied_task(()).name, catalog)
    if not allowed(model.id):
        raise Forbidden(f"your API key may not use the model '{model.id}'", code="model_not_allowed", param="model_id")
    return _view(model, catalog, services.workers.alive(), allowed_adapters, in_full=is_admin)
