"""The files of a generation, served safely: nothing that a user typed reaches a header or a path."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Header, Path
from fastapi.responses import Response

from app.api.jobs import JobId, find
from app.auth.access import needs
from app.http.errors import documented
from app.services import Services, ServicesOf, Viewer
from core.errors import NotFound
from core.keys import Scope
from core.media import THUMBNAIL_MEDIUM, THUMBNAIL_SIDES, StoredFile
from core.tasks import all_tasks, roles

router = APIRouter(prefix="/v1/results", tags=["results"], dependencies=[needs(Scope.READ, signed=True)])

F = TypeVar("F", bound=StoredFile)

INDEX: Final = re.compile(r"0|[1-9][0-9]?")

HEADERS: Final = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}

FILE: Final[dict[str, Any]] = {"schema": {"type": "string", "format": "binary"}}

FORMATS: Final = {each.extension: each for task in all_tasks().values() for each in task.medium.formats}

RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The file.", "content": {each.media_type: FILE for each in FORMATS.values()}},
    304: {"description": "You have it: `If-None-Match` names this file."},
    **documented(404, 503),
}

Index = Annotated[str, Path(description="Which output, from 0.", json_schema_extra={"pattern": "^(0|[1-9][0-9]?)$"})]
Extension = Annotated[str, Path(description="That of its format.", json_schema_extra={"enum": sorted(FORMATS)})]
Role = Annotated[str, Path(description="What it is to the task.", json_schema_extra={"enum": list(roles())})]
Side = Annotated[
    str, Path(description="Its longer side, px.", json_schema_extra={"enum": [str(side) for side in THUMBNAIL_SIDES]})
]
IfNoneMatch = Annotated[str | None, Header(description="The ETag of the file that you have.")]


@router.get(
    "/{job_id}/{index}-{side}.webp",
    summary="Fetch a thumbnail",
    response_class=Response,
    responses={**RESPONSES, 200: {"description": "The file.", "content": {THUMBNAIL_MEDIUM: FILE}}},
)
def get_thumbnail(
    job_id: JobId,
    index: Index,
    side: Side,
    services: ServicesOf,
    viewer: Viewer,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A small copy of an output, without its recipe. A signed address needs no key."""
    job = find(services, job_id, viewer)
    output = next((each for each in job.outputs if str(each.index) == index), None)
    found = next((each for each in output.thumbnails if str(each.side) == side), None) if output else None
    if found is None:
        raise NotFound("this output has no such thumbnail", code="result_not_found", param="side")
    file = StoredFile(key=found.key, medium=THUMBNAIL_MEDIUM, size_bytes=found.size_bytes)
    return _file(services, file, f"{job.id}-{index}-{side}.webp", if_none_match)


@router.get("/{job_id}/{index}.{extension}", summary="Fetch an output", response_class=Response, responses=RESPONSES)
def get_result(
    job_id: JobId,
    index: Index,
    extension: Extension,
    services: ServicesOf,
    viewer: Viewer,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The bytes of one output, a picture with its recipe inside. They never change. A signed address needs no key."""
    job = find(services, job_id, viewer)
    output = _named(job.outputs, index, extension, "output")
    response = _file(services, output, f"{job.id}-{output.index}.{output.extension}", if_none_match)
    if response.status_code == 200:
        services.jobs.fetched(job.id, output.index)
    return response


@router.get(
    "/{job_id}/inputs/{role}-{index}.{extension}",
    summary="Fetch an input",
    response_class=Response,
    responses=RESPONSES,
)
def get_input(
    job_id: JobId,
    role: Role,
    index: Index,
    extension: Extension,
    services: ServicesOf,
    viewer: Viewer,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The bytes of one file that the generation started from, as the model was given it."""
    job = find(services, job_id, viewer)
    given = _named([each for each in job.request.inputs if each.role == role], index, extension, "input")
    return _file(services, given, f"{job.id}-{given.role}-{given.index}.{given.extension}", if_none_match)


def _named(files: Sequence[F], index: str, extension: str, kind: str) -> F:
    """The file of that index and extension, as an address says them. Raises NotFound."""
    wanted = int(index) if INDEX.fullmatch(index) else -1
    found = next((each for each in files if (each.index, each.extension) == (wanted, extension)), None)
    if found is None:
        raise NotFound(f"this generation has no such {kind}", code="result_not_found", param="index")
    return found


def _file(services: Services, file: StoredFile, name: str, if_none_match: str | None) -> Response:
    """The bytes of `file`, or 304 for a client that has them."""
    etag = f'"{hashlib.sha256(file.key.encode()).hexdigest()[:32]}"'
    headers = {**HEADERS, "ETag": etag, "Content-Disposition": f'inline; filename="{name}"'}
    if if_none_match is not None and (etag in if_none_match or if_none_match.strip() == "*"):
        return Response(status_code=304, headers=headers)
    try:
        content = services.results.read(file.key)
    except FileNotFoundError as error:
        raise NotFound("the file is gone from the result store", code="result_not_found") from error
    return Response(content, media_type=file.medium, headers=headers)
