"""POST /images/generations: a prompt in, pictures out, on one connection."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter, Request, Response

from app.auth.access import needs
from app.http.idempotency import IdempotencyKey
from app.http.json_bodies import PictureRoute
from app.http.validation import named_as
from app.jobs.sources import OpenFiles
from app.services import BaseUrl, Owner, Services, ServicesOf
from app.wires.openai.calls import Call, respond
from app.wires.openai.fields import GenerationsInput
from app.wires.openai.translation import NAMES, request_of_generation
from core.keys import Scope

router = APIRouter(
    prefix="/v1/images",
    route_class=PictureRoute,
    include_in_schema=False,
    dependencies=[needs(Scope.GENERATE, metered=True)],
)


@router.post("/generations")
async def create_image(
    body: GenerationsInput,
    request: Request,
    services: ServicesOf,
    owner: Owner,
    base_url: BaseUrl,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Answers when the pictures are there, or streams them."""
    if body.inputs is None:
        call = _call(body, services, owner, idempotency_key, None)
    else:
        call = await to_thread.run_sync(
            _call_with_pictures, body, services, owner, idempotency_key, limiter=services.decoder_limiter
        )
    return await respond(call, request, services, base_url)


def _call_with_pictures(body: GenerationsInput, services: Services, owner: str, idempotency_key: str | None) -> Call:
    with services.sources.opening(owner) as opening:
        return _call(body, services, owner, idempotency_key, opening)


def _call(
    body: GenerationsInput, services: Services, owner: str, idempotency_key: str | None, opening: OpenFiles | None
) -> Call:
    with named_as(NAMES):
        wanted = request_of_generation(body, services.catalog, opening)
        return Call(body, services.submissions.prepare(wanted, owner, idempotency_key), "image_generation")
