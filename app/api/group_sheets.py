"""The contact sheet of a group: its pictures so far, each always in the same place."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Final

from anyio import to_thread
from fastapi import APIRouter, Header, Response
from starlette.concurrency import run_in_threadpool

from app.api.jobs import GroupId, find_group, jobs_of
from app.auth.access import needs
from app.http.errors import documented
from app.media.decoder import OpenPictures, Picture
from app.media.sheets import Cell, Sheet, columns_for, side_for
from app.services import Services, ServicesOf, Viewer
from core.errors import EaselError
from core.jobs import Job
from core.keys import Scope
from core.media import IMAGE, Artifact
from core.store import Group

SHEET: Final[dict[int | str, Any]] = {
    200: {"description": "The sheet.", "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}},
    304: {"description": "You have it: `If-None-Match` names this sheet."},
    **documented(404, 503),
}
SHEET_HEADERS: Final = {
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}

IfNoneMatch = Annotated[str | None, Header(description="The ETag of the sheet that you have.")]

router = APIRouter(prefix="/v1/groups/{group_id}/sheet", tags=["groups"], dependencies=[needs(Scope.READ, signed=True)])

Placed = tuple[str, Artifact | None]
"""What is said of a place, and the picture that belongs there, once there is one."""


@router.get(
    "",
    summary="See all pictures of a group as one",
    response_class=Response,
    responses=SHEET,
)
async def get_sheet(
    group_id: GroupId, services: ServicesOf, viewer: Viewer, if_none_match: IfNoneMatch = None
) -> Response:
    """A PNG of the pictures finished so far, small and in rows, each with what its job has and the others have not."""
    group = await run_in_threadpool(find_group, services, group_id, viewer)
    places = places_of(group, await run_in_threadpool(jobs_of, services, group))
    headers = {**SHEET_HEADERS, "ETag": etag_of(group, places)}
    if if_none_match is not None and (headers["ETag"] in if_none_match or if_none_match.strip() == "*"):
        return Response(status_code=304, headers=headers)
    content = await to_thread.run_sync(sheet_of, services, group, places, limiter=services.decoder_limiter)
    headers["Content-Disposition"] = f'inline; filename="{group.id}.png"'
    return Response(content, media_type="image/png", headers=headers)


def places_of(group: Group, jobs: Sequence[Job | None]) -> list[Placed]:
    """All places of the sheet; the label of a job stands below its first picture."""
    shown = {each.media_type for each in IMAGE.formats}
    found: list[Placed] = []
    for member, job in zip(group.members, jobs, strict=True):
        pictures = {each.index: each for each in job.outputs if each.medium in shown} if job is not None else {}
        found += [(member.label if index == 0 else "", pictures.get(index)) for index in range(member.outputs)]
    return found


def etag_of(group: Group, places: Sequence[Placed]) -> str:
    """Equal for equal sheets: pictures never change under their names."""
    names = [group.id, *(artifact.key if artifact else "" for _, artifact in places)]
    return f'"{hashlib.sha256(" ".join(names).encode()).hexdigest()[:32]}"'


def sheet_of(services: Services, group: Group, places: Sequence[Placed]) -> bytes:
    """The PNG file. Pictures that cannot be read any more leave their place empty. Raises Unavailable."""
    columns = columns_for(len(places), min(member.outputs for member in group.members))
    side = side_for(len(places), columns)
    with services.decoder.pictures() as pictures:
        opened = [_opened(services, pictures, artifact, side) for _, artifact in places]
        cells = [
            Cell(None if picture is None else picture.number, label)
            for (label, _), picture in zip(places, opened, strict=True)
        ]
        return pictures.sheet(Sheet(columns, side, tuple(cells)))


def _opened(services: Services, pictures: OpenPictures, artifact: Artifact | None, side: int) -> Picture | None:
    if artifact is None:
        return None
    try:
        picture = pictures.open(services.results.read(artifact.key), "output")
    except (FileNotFoundError, EaselError):
        return None
    pictures.shrink(picture, side)
    return picture
