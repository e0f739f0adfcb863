"""POST extra-single-image, extra-batch-images and interrogate: pictures enlarged and described."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any, Final

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from app.auth.access import needs
from app.http.errors import CLIENT_CLOSED_REQUEST
from app.http.json_bodies import PictureRoute
from app.jobs.disconnects import ClientDisconnected
from app.jobs.outcome import failure_of
from app.jobs.request import JobRequest
from app.jobs.sources import EarlierOutput, InlineFile, OpenFiles, Source, decoded
from app.services import Owner, Services, ServicesOf
from app.wires.a1111.extras_fields import ExtraBatch, Extras, ExtraSingle, Interrogation
from app.wires.a1111.passes import PassCanceled, Passes
from app.wires.a1111.upscalers import NONE, scales_to, upscaler_named, upscaling
from core.catalog.catalog import Catalog
from core.catalog.model import Model
from core.errors import InvalidRequest
from core.keys import Scope
from core.tasks import task_named

router = APIRouter(
    prefix="/sdapi/v1",
    route_class=PictureRoute,
    include_in_schema=False,
    dependencies=[needs(Scope.GENERATE, metered=True, basic=True)],
)

DESCRIBE: Final = task_named("image-to-text")
ANY_DESCRIBER: Final = ("", "clip")


@dataclass(frozen=True, slots=True)
class Piece:
    """A picture on its way: where it is now, what it shall become, and by how much it is still to be enlarged."""

    source: Source
    param: str
    size: tuple[int, int]
    target: tuple[int, int]
    scales: Sequence[float] = field(default=())


@router.post("/extra-single-image")
async def enlarge_one(body: ExtraSingle, request: Request, services: ServicesOf, owner: Owner) -> Response:
    """One picture, larger."""
    return await _answered(body, [(body.image, "image")], request, services, owner)


@router.post("/extra-batch-images")
async def enlarge_many(body: ExtraBatch, request: Request, services: ServicesOf, owner: Owner) -> Response:
    """Each of several, larger."""
    given = [(each.data, f"imageList.{place}.data") for place, each in enumerate(body.image_list)]
    return await _answered(body, given, request, services, owner)


@router.post("/interrogate")
async def interrogate(body: Interrogation, request: Request, services: ServicesOf, owner: Owner) -> Response:
    """Words for a picture."""

    def asked(opening: OpenFiles) -> list[JobRequest]:
        image = opening.open(InlineFile(decoded(body.image, "image")), "image")
        model = _describer(body.model, services.catalog)
        return [
            JobRequest(task=DESCRIBE.name, model=model, parameters={}, inputs={"image": [image]}, fingerprint=model)
        ]

    try:
        (job,) = await Passes(request, services, owner, parts=1).run(asked)
    except ClientDisconnected:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    except PassCanceled as canceled:
        raise failure_of(canceled.job) from canceled
    return JSONResponse({"caption": job.outputs[0].facts["text"]})


def _describer(name: str, catalog: Catalog) -> str:
    """Raises InvalidRequest for a name of a model that this server has not, such as deepdanbooru."""
    able = [model for model in catalog.models if DESCRIBE.fits(model)]
    if name.casefold() in ANY_DESCRIBER and able:
        return catalog.model_for(DESCRIBE.name).id
    found = next((model.id for model in able if name == model.id or name in model.aliases), None)
    if found is None:
        there = ", ".join(f"'{each}'" for each in ("clip", *(model.id for model in able))) if able else "none"
        raise InvalidRequest(
            f"model '{name[:64]}' describes no pictures on this server: there are {there}", param="model"
        )
    return found


async def _answered(
    body: Extras, given: Sequence[tuple[str, str]], request: Request, services: Services, owner: str
) -> Response:
    try:
        files = await _enlarged(body, given, request, services, owner)
    except ClientDisconnected:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    except PassCanceled as canceled:
        raise failure_of(canceled.job) from canceled
    images = [base64.b64encode(content).decode() for content in files] if body.show_extras_results else []
    told: dict[str, Any] = {"html_info": f"<p>Upscaler: {escape(body.upscaler_1)}</p>"}
    if isinstance(body, ExtraSingle):
        return JSONResponse({**told, "image": images[0] if images else ""})
    return JSONResponse({**told, "images": images})


async def _enlarged(
    body: Extras, given: Sequence[tuple[str, str]], request: Request, services: Services, owner: str
) -> list[bytes]:
    """The files, in their order: as they came where no upscaler is named."""
    row, pieces = await to_thread.run_sync(_planned, body, given, services, owner, limiter=services.decoder_limiter)
    if body.upscaler_1 in ("", NONE):
        return [await run_in_threadpool(services.sources.read, each.source, owner, each.param) for each in pieces]
    passes = Passes(request, services, owner, parts=max(1, sum(len(each.scales) for each in pieces)))
    while row is not None and any(each.scales for each in pieces):
        begun = [place for place, each in enumerate(pieces) if each.scales]

        def larger(opening: OpenFiles, row: Model = row, begun: Sequence[int] = begun) -> list[JobRequest]:
            due = [pieces[place] for place in begun]
            return [upscaling(row, each.scales[0], opening.open(each.source, each.param)) for each in due]

        for place, job in zip(begun, await passes.run(larger, {"scale": "upscaling_resize"}), strict=True):
            facts = job.outputs[0].facts
            pieces[place] = replace(
                pieces[place],
                source=EarlierOutput(job.id, job.outputs[0].index),
                size=(int(facts["width"]), int(facts["height"])),
                scales=pieces[place].scales[1:],
            )
    return await to_thread.run_sync(_sized, pieces, services, owner, limiter=services.decoder_limiter)


def _planned(
    body: Extras, given: Sequence[tuple[str, str]], services: Services, owner: str
) -> tuple[Model | None, list[Piece]]:
    body.check()
    plain = body.upscaler_1 in ("", NONE)
    row = None if plain else upscaler_named(body.upscaler_1, "upscaler_1", services.catalog)
    pieces = []
    with services.sources.opening(owner) as opening:
        for text, param in given:
            source = InlineFile(decoded(text, param))
            facts = opening.open(source, param).facts
            size = int(facts["width"]), int(facts["height"])
            target = size if plain else body.target(*size)
            pieces.append(Piece(source, param, size, target, scales_to(row, size, target) if row else ()))
    return row, pieces


def _sized(pieces: Sequence[Piece], services: Services, owner: str) -> list[bytes]:
    """The bytes of each, brought to its size where it has another."""
    files = []
    with services.sources.opening(owner) as opening:
        for each in pieces:
            if each.size == each.target:
                files.append(services.sources.read(each.source, owner, each.param))
            else:
                files.append(opening.open(each.source, each.param).as_png("RGB", each.target))
    return files
