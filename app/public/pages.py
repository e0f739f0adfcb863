"""Serves the pages of shared pictures and of the gallery, whole from the server, with no script."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response

from app.api.gallery import PublicId, Shown, gallery_page, shown
from app.auth.access import PUBLIC
from app.public.markup import gallery, missing, picture_page
from app.services import BaseUrl, Services, ServicesOf
from core.errors import NotFound
from core.media import THUMBNAIL_MEDIUM

router = APIRouter(include_in_schema=False, dependencies=[PUBLIC])

HEADERS: Final = {
    "Cache-Control": "no-cache",  # what is withdrawn is gone at once
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
UNLISTED: Final = {"X-Robots-Tag": "noindex"}
FILE: Final = {**HEADERS, "Content-Security-Policy": "default-src 'none'; sandbox"}

WIDE_ENOUGH: Final = 640
"""Pixels of the longer side of a picture in the gallery."""

STYLES: Final = files("app.public").joinpath("page.css").read_bytes()

Known = Annotated[str | None, Header(alias="If-None-Match")]


@router.api_route("/s/page.css", methods=["GET", "HEAD"])
def get_styles() -> Response:
    """How the pages look."""
    return Response(STYLES, media_type="text/css", headers={**HEADERS, "Cache-Control": "max-age=3600"})


@router.api_route("/s/{public_id}", methods=["GET", "HEAD"])
def get_shared(public_id: PublicId, services: ServicesOf, base_url: BaseUrl) -> Response:
    """The picture, its prompt and its recipe; or that it was withdrawn."""
    found = _found(services, public_id)
    if found is None:
        page = missing(withdrawn=services.shares.was_withdrawn(public_id))
        return Response(page, 404, media_type="text/html", headers={**HEADERS, **UNLISTED})
    headers = HEADERS if found.share.listed else {**HEADERS, **UNLISTED}
    has_gallery = services.settings.public_gallery
    return Response(picture_page(found, base_url, has_gallery=has_gallery), media_type="text/html", headers=headers)


@router.api_route("/s/{public_id}/picture.{extension}", methods=["GET", "HEAD"])
def get_shared_picture(public_id: PublicId, extension: str, services: ServicesOf, known: Known = None) -> Response:
    """Its file, with the recipe inside."""
    found = _found(services, public_id)
    if found is None or found.output.extension != extension:
        raise NotFound("there is no such picture; it may have been withdrawn", code="share_not_found")
    return _file(services, found, found.output.key, found.output.medium, known)


@router.api_route("/s/{public_id}/small", methods=["GET", "HEAD"])
def get_shared_small(public_id: PublicId, services: ServicesOf, known: Known = None) -> Response:
    """The picture, small where a small one was made of it."""
    found = _found(services, public_id)
    if found is None:
        raise NotFound("there is no such picture; it may have been withdrawn", code="share_not_found")
    small = next((each for each in found.output.thumbnails if each.side >= WIDE_ENOUGH), None)
    if small is not None:
        return _file(services, found, small.key, THUMBNAIL_MEDIUM, known)
    return _file(services, found, found.output.key, found.output.medium, known)


@router.api_route("/gallery", methods=["GET", "HEAD"])
def get_gallery(
    services: ServicesOf, cursor: Annotated[str | None, Query(pattern=r"^[0-9a-f]{1,13}$")] = None
) -> Response:
    """Pictures that their makers have listed. Raises NotFound where the owner of the server allows no gallery."""
    found, following = gallery_page(services, cursor, 40)
    return Response(gallery(found, following), media_type="text/html", headers=HEADERS)


def _found(services: Services, share_id: str) -> Shown | None:
    share = services.shares.get(share_id)
    return next(iter(shown(services, [share])), None) if share else None


def _file(services: Services, found: Shown, key: str, medium: str, known: str | None) -> Response:
    """The bytes of a file, or 304 for who has them; asked for each time, so that what is withdrawn is gone."""
    tag = f'"{hashlib.sha256(key.encode()).hexdigest()[:32]}"'
    name = f"{found.share.id}.{key.rpartition('.')[2]}"
    headers = {**FILE, "ETag": tag, "Content-Disposition": f'inline; filename="{name}"'}
    if known is not None and tag in known:
        return Response(status_code=304, headers=headers)
    try:
        return Response(services.results.read(key), media_type=medium, headers=headers)
    except FileNotFoundError as error:
        raise NotFound("the file is gone from the result store", code="result_not_found") from error
