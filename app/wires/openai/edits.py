"""POST /images/edits and /images/variations: a picture in, pictures out."""

from __future__ import annotations

from typing import Final

from anyio import to_thread
from fastapi import APIRouter, Request, Response

from app.auth.access import needs
from app.http.bodies import digests
from app.http.idempotency import IdempotencyKey
from app.http.multipart import open_form
from app.http.validation import named_as
from app.services import BaseUrl, Owner, Services, ServicesOf
from app.wires.openai.calls import Call, respond
from app.wires.openai.fields import EditsInput, VariationsInput
from app.wires.openai.translation import NAMES, request_of_edit
from core.keys import Scope

router = APIRouter(prefix="/v1/images", include_in_schema=False, dependencies=[needs(Scope.GENERATE, metered=True)])

FILES: Final = ("image", "mask")


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
        form.check_files(FILES)
        body = form.parsed(kind)

        def made() -> Call:
            files = {name: form.all(name) for name in form.files}
            with named_as(NAMES), services.sources.opening(owner) as opening:
                wanted = request_of_edit(body, files, opening, services.catalog, digests(files))
                prepared = services.submissions.prepare(wanted, owner, idempotency_key)
            return Call(body, prepared, "image_edit")

        return await to_thread.run_sync(made, limiter=services.decoder_limiter)
