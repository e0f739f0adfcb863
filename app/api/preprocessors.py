"""Preprocessors: what is made of a picture before a ControlNet sees it, to look at before it is asked for."""

from __future__ import annotations

from typing import Annotated, Final

from anyio import to_thread
from fastapi import APIRouter, Path, Request, Response
from pydantic import ConfigDict, Field, WithJsonSchema

from app.auth.access import needs
from app.http.bodies import described_body, open_body
from app.http.errors import documented
from app.http.json_bodies import JsonRoute
from app.http.validation import StrictInput
from app.jobs.guide_fields import Thresholds
from app.jobs.picture_fields import PICTURE_SCHEMA, Picture
from app.jobs.sources import InlineFile
from app.media.conversion import Prepared
from app.services import Owner, ServicesOf
from core.catalog.adapter import Preprocessor
from core.errors import InvalidRequest
from core.keys import Scope
from core.media import IMAGE
from core.tasks.diffusion import Pixels

router = APIRouter(prefix="/v1/preprocessors", tags=["generations"], route_class=JsonRoute)

PICTURE: Final = "image"


class PreprocessInput(StrictInput):
    """A picture, and the size that it is wanted in."""

    model_config = ConfigDict(json_schema_extra={"required": ["image"]})  # as a file, where it is a form

    image: Annotated[Picture | None, WithJsonSchema(PICTURE_SCHEMA)] = None
    width: Pixels | None = Field(default=None, description="Pixels; its own if unset.")
    height: Pixels | None = Field(default=None, description="Pixels; its own if unset.")
    thresholds: Thresholds | None = Field(
        default=None, description="Of `canny`: edges above the second, and above the first where they go on from such."
    )


@router.post(
    "/{preprocessor}",
    dependencies=[needs(Scope.GENERATE, metered=True)],
    summary="Look at what a preprocessor makes of a picture",
    response_class=Response,
    openapi_extra=described_body(PreprocessInput, files=(PICTURE,), together=[(PICTURE,)]),
    responses={
        200: {
            "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
            "description": "The picture.",
        },
        **documented(400, 403, 404, 413, 415, 422, 429, 503),
    },
)
async def preprocess(
    preprocessor: Annotated[Preprocessor, Path(description="What to make of it.")],
    request: Request,
    services: ServicesOf,
    owner: Owner,
) -> Response:
    """What a ControlNet is shown where a request names this preprocessor. Nothing is kept."""
    async with open_body(request, PreprocessInput, files=(PICTURE,)) as (body, files):
        source = (
            body.image if body.image is not None else next((InlineFile(each) for each in files.get(PICTURE, ())), None)
        )
        if source is None:
            raise InvalidRequest(f"'{PICTURE}' is required", code="missing_required_parameter", param=PICTURE)

        def made() -> bytes:
            with services.sources.opening(owner) as opening:
                opened = opening.open(source, PICTURE)
                size = (body.width or opened.picture.width, body.height or opened.picture.height)
                return opened.as_png("RGB", size, Prepared(preprocessor, *(body.thresholds or ())))

        picture = await to_thread.run_sync(made, limiter=services.decoder_limiter)
    return Response(picture, media_type=IMAGE.formats[0].media_type)
