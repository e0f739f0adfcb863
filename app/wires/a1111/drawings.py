"""POST txt2img and img2img: the answer comes with the pictures."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from app.auth.access import needs
from app.http.errors import CLIENT_CLOSED_REQUEST
from app.http.json_bodies import PictureRoute
from app.http.validation import named_as
from app.jobs.disconnects import ClientDisconnected
from app.jobs.outcome import failure_of
from app.services import Owner, Services, ServicesOf
from app.wires.a1111.answers import drawn
from app.wires.a1111.fields import ImageToImage, TextToImage
from app.wires.a1111.hires_drawing import draw_large
from app.wires.a1111.hires_fields import HiresTextToImage
from app.wires.a1111.listings import chosen
from app.wires.a1111.translation import NAMES, request_of
from core.jobs import Job, Status
from core.keys import Scope
from core.store import NewJob

router = APIRouter(
    prefix="/sdapi/v1",
    route_class=PictureRoute,
    include_in_schema=False,
    dependencies=[needs(Scope.GENERATE, metered=True, basic=True)],
)


@router.post("/txt2img")
async def text_to_image(body: HiresTextToImage, request: Request, services: ServicesOf, owner: Owner) -> Response:
    """From words; with hires fix, enlarged and drawn over."""
    if not body.enable_hr:
        return await _draw(body, request, services, owner)
    try:
        return JSONResponse(await draw_large(body, request, services, owner))
    except ClientDisconnected:
        return Response(status_code=CLIENT_CLOSED_REQUEST)


@router.post("/img2img")
async def image_to_image(body: ImageToImage, request: Request, services: ServicesOf, owner: Owner) -> Response:
    """From a picture; with a mask, what it shows in white is drawn anew."""
    return await _draw(body, request, services, owner)


async def _draw(body: TextToImage, request: Request, services: Services, owner: str) -> Response:
    has_pictures = isinstance(body, ImageToImage) or bool(body.alwayson_scripts)
    limiter = services.decoder_limiter if has_pictures else None
    new, job = await to_thread.run_sync(_begin, body, services, owner, limiter=limiter)
    try:
        job = await services.disconnects.wait(request, new, job)
    except ClientDisconnected:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    if job.status is Status.FAILED:
        raise failure_of(job)
    return JSONResponse(await run_in_threadpool(drawn, job, body, services.results))


def _begin(body: TextToImage, services: Services, owner: str) -> tuple[NewJob, Job]:
    with named_as(NAMES), services.sources.opening(owner) as opening:
        wanted = request_of(body, services.catalog, chosen(services, owner), opening)
        prepared = services.submissions.prepare(wanted, owner)
    return prepared.new, services.submissions.submit(prepared).job
