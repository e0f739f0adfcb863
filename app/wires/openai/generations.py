"""POST /images/generations: a prompt in, pictures out, on one connection. Knows HTTP."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.api.generations import IdempotencyKey
from app.http.json_bodies import JsonRoute
from app.services import BaseUrl, Owner, ServicesOf
from app.wires.openai.calls import Call, respond
from app.wires.openai.fields import GenerationsInput
from app.wires.openai.translation import job_of_generation

router = APIRouter(prefix="/v1/images", route_class=JsonRoute, include_in_schema=False)


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
    new = job_of_generation(body, services.catalog, owner, idempotency_key)
    return await respond(Call(body, new, "image_generation"), request, services, base_url)
