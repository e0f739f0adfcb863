"""POST /images/generations: a prompt in, pictures out, on one connection."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.auth.access import needs
from app.http.idempotency import IdempotencyKey
from app.http.json_bodies import JsonRoute
from app.http.validation import named_as
from app.services import BaseUrl, Owner, ServicesOf
from app.wires.openai.calls import Call, respond
from app.wires.openai.fields import GenerationsInput
from app.wires.openai.translation import NAMES, request_of_generation
from core.keys import Scope

router = APIRouter(
    prefix="/v1/images",
    route_class=JsonRoute,
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
    with named_as(NAMES):
        wanted = request_of_generation(body, services.catalog)
        prepared = services.submissions.prepare(wanted, owner, idempotency_key)
    return await respond(Call(body, prepared, "image_generation"), request, services, base_url)
