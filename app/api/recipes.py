"""Recipes: what a picture says of how it was made, as a request that this server can follow."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from anyio import to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from app.auth.access import needs
from app.http.bodies import described_body, open_body
from app.http.errors import documented
from app.http.json_bodies import JsonRoute
from app.http.validation import StrictInput
from app.jobs.picture_fields import PICTURE_SCHEMA, Picture
from app.jobs.picture_recipes import Origin, ReadRecipe, found_in, recipe_of
from app.jobs.sources import InlineFile
from app.services import Allowed, AllowedAdapters, Owner, ServicesOf
from core.errors import InvalidRequest, Unprocessable
from core.keys import Scope

router = APIRouter(prefix="/v1/recipes", tags=["generations"], route_class=JsonRoute)

PICTURE: Final = "image"


class RecipeInput(StrictInput):
    """A picture: as a file, where the body is a form."""

    model_config = ConfigDict(json_schema_extra={"required": ["image"]})

    image: Annotated[Picture | None, WithJsonSchema(PICTURE_SCHEMA)] = None


class RecipeView(BaseModel):
    """What a picture was made with, brought to what this server has."""

    object: Literal["recipe"] = "recipe"
    source: Origin = Field(description="Which program's words it carries.")
    recipe: dict[str, Any] = Field(
        description="Fields of POST /v1/generations, each within what the model takes.",
        examples=[{"model": "easel-mini", "prompt": "a red fox", "seed": 7}],
    )
    notes: tuple[str, ...] = Field(description="What could not be taken over, and what was taken in its place.")


@router.post(
    "",
    dependencies=[needs(Scope.GENERATE, metered=True)],
    summary="Read the recipe in a picture",
    openapi_extra=described_body(RecipeInput, files=(PICTURE,), together=[(PICTURE,)]),
    responses=documented(400, 403, 404, 413, 415, 422, 429, 503),
)
async def read_recipe(
    request: Request, services: ServicesOf, owner: Owner, allowed: Allowed, allowed_adapters: AllowedAdapters
) -> RecipeView:
    """Those of Easel, AUTOMATIC1111 (Forge, and whatever writes the same line) and ComfyUI. Nothing is kept."""
    async with open_body(request, RecipeInput, files=(PICTURE,)) as (body, files):
        inline = next((InlineFile(each) for each in files.get(PICTURE, ())), None)
        source = inline if body.image is None else body.image
        if source is None:
            raise InvalidRequest(f"'{PICTURE}' is required", code="missing_required_parameter", param=PICTURE)

        def read() -> ReadRecipe:
            with services.sources.opening(owner) as opening:
                found = found_in(opening.texts(source, PICTURE))
            if found is None:
                raise Unprocessable(
                    f"'{PICTURE}' carries no recipe of Easel, AUTOMATIC1111 or ComfyUI: many sites and messengers take "
                    "such words out of pictures; use the file as it was saved first",
                    code="no_recipe",
                    param=PICTURE,
                )
            return recipe_of(found, services.catalog, allowed, allowed_adapters)

        read_recipe = await to_thread.run_sync(read, limiter=services.decoder_limiter)
    return RecipeView(source=read_recipe.origin, recipe=read_recipe.fields, notes=read_recipe.notes)
