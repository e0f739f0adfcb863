"""POST /images/edits and /images/variations: a picture in, pictures out. Knows HTTP."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter, Request, Response

from app.api.generations import IdempotencyKey
from app.http.multipart import open_form
from app.services import BaseUrl, Owner, Services, ServicesOf
from app.wires.openai.calls import Call, respond
from app.wires.openai.fields import EditsInput, VariationsInput
from app.wires.openai.starts import given_in, job_of_edit

router = APIRouter(prefix="/v1/images", include_in_schema=False)


@router.post("/edits")
async def edit_image(
    request: Request, services: ServicesOf, owner: Owner, base_url: BaseUrl, idempotency_key: IdempotencyKey = None
) -> Response:
    """What the mask leaves transparent is drawn anew; without a mask, the whole picture is drawn over."""
    call = await _read(request, services, EditsInput, owner, idempotency_key)
    return await respond(call, request, services, base_url)


@router.post("/variations")
async def create_variation(
    request: Request, services: ServicesOf, owner: Owner, base_url: BaseUrl, idempotency_key: IdempotencyKey = None
) -> Response:
    """Pictures like the given one."""
    call = await _read(request, services, VariationsInput, owner, idempotency_key)
    return await respond(call, request, services, base_url)


async def _read(
    request: Request,
    services: Services,
    kind: type[EditsInput] | type[VariationsInput],
    owner: str,
    idempotency_key: str | None,
) -> Call:
    """The call of a form. Raises InvalidRequest, PayloadTooLarge or NotFound, naming the field."""
    async with open_form(request) as form:
        body = form.parsed(kind)

        def made() -> Call:
            given = given_in(form, services.decoder.open_picture)
            new, inputs = job_of_edit(body, given, services.catalog, owner, idempotency_key, form.digests())
            return Call(body, new, "image_edit", inputs)

        return await to_thread.run_sync(made, limiter=services.decoder_limiter)
