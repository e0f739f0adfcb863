"""POST /images/generations: a prompt in, pictures out, on one connection. Knows HTTP."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.api.generations import IdempotencyKey
from app.json_bodies import JsonRoute
from app.openai.calls import Call, respond
from app.openai.fields import GenerationsInput
from app.openai.translation import job_of_generation
from app.services import BaseUrl, Owner, ServicesOf

router = APIRouter(prefix="/v1/images", route_class=JsonRoute, include_in_schema=False)


@router.post("/generations")
async def create_image(
    asked: GenerationsInput,
    request: Request,
    services: ServicesOf,
    owner: Owner,
    base_url: BaseUrl,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Answers when the pictures are there, or streams them."""
    new = job_of_generation(asked, services.catalog, owner, idempotency_key)
    return await respond(Call(asked, new, "image_generation"), request, services, base_url)
