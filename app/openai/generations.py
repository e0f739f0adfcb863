"""POST /images/generations: a prompt in, pictures out, on one connection. Knows HTTP."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from app.api.generations import IdempotencyKey
from app.hangups import HungUp
from app.json_bodies import JsonRoute
from app.openai.answers import images_answer
from app.openai.calls import begin
from app.openai.fields import GenerationsInput
from app.openai.translation import job_of_generation
from app.services import BaseUrl, Owner, ServicesOf

router = APIRouter(prefix="/v1/images", route_class=JsonRoute, include_in_schema=False)

NOBODY_THERE = 499


@router.post("/generations")
async def create_image(
    asked: GenerationsInput,
    request: Request,
    services: ServicesOf,
    owner: Owner,
    base_url: BaseUrl,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Answers when the pictures are there."""
    new = job_of_generation(asked, services.catalog, owner, idempotency_key, request.url.path)
    job = await begin(request, services, new)
    try:
        job = await services.hangups.wait(request, new, job)
    except HungUp:
        return Response(status_code=NOBODY_THERE)
    return await run_in_threadpool(images_answer, job, asked, services.results, base_url)
