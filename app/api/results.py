"""The pictures of a generation. Knows how to serve a file safely; nothing a user typed reaches a header or a path."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Path
from fastapi.responses import Response

from app.api.jobs import JobId, find
from app.http.errors import documented
from app.services import ServicesOf, Viewer
from core.errors import NotFound
from core.jobs import ImageFormat

router = APIRouter(prefix="/v1/results", tags=["results"])

INDEX: Final = re.compile(r"0|[1-9][0-9]?")

HEADERS: Final = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}

PICTURE: Final[dict[str, Any]] = {"schema": {"type": "string", "format": "binary"}}

RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The picture.", "content": {kind.media_type: PICTURE for kind in ImageFormat}},
    304: {"description": "You have it: `If-None-Match` names this picture."},
    **documented(404, 503),
}

Index = Annotated[str, Path(description="Which picture, from 0.", json_schema_extra={"pattern": "^(0|[1-9][0-9]?)$"})]
Extension = Annotated[str, Path(description="The format it was made in.", json_schema_extra={"enum": [*ImageFormat]})]
IfNoneMatch = Annotated[str | None, Header(description="The ETag of the picture that you have.")]


@router.get("/{job_id}/{index}.{extension}", summary="Fetch a picture", response_class=Response, responses=RESPONSES)
def get_result(
    job_id: JobId,
    index: Index,
    extension: Extension,
    services: ServicesOf,
    viewer: Viewer,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The bytes of one picture, with its recipe inside. They never change. A signed address needs no key."""
    job = find(services, job_id, viewer)
    wanted = int(index) if INDEX.fullmatch(index) else -1
    image = next((image for image in job.images if image.index == wanted and image.format == extension), None)
    if image is None:
        raise NotFound("this generation has no such picture", code="result_not_found", param="index")
    etag = f'"{hashlib.sha256(image.key.encode()).hexdigest()[:32]}"'
    headers = {
        **HEADERS,
        "ETag": etag,
        "Content-Disposition": f'inline; filename="{job.id}-{image.index}.{image.format}"',
    }
    if if_none_match is not None and (etag in if_none_match or if_none_match.strip() == "*"):
        return Response(status_code=304, headers=headers)
    try:
        content = services.results.read(image.key)
    except FileNotFoundError as error:
        raise NotFound("the picture is gone from the result store", code="result_not_found") from error
    services.jobs.fetched(job.id, image.index)
    return Response(content, media_type=image.format.media_type, headers=headers)
