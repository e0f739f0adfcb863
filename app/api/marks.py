"""Keep a picture as a favourite or in folders, or delete it alone."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path
from pydantic import Field

from app.api.jobs import JobId, find, forget_output, view
from app.auth.access import needs
from app.http.errors import documented
from app.http.json_bodies import JsonRoute
from app.http.validation import StrictInput
from app.jobs.fields import FolderName
from app.jobs.view import GenerationView
from app.services import BaseUrl, Owner, ServicesOf
from core.errors import InvalidRequest
from core.keys import Scope

router = APIRouter(
    prefix="/v1/generations/{job_id}/outputs/{index}",
    tags=["generations"],
    route_class=JsonRoute,
    dependencies=[needs(Scope.GENERATE)],
)

MAX_FOLDERS_EACH: Final = 20

Index = Annotated[int, Path(ge=0, le=99, description="Which of its outputs.")]


class MarksInput(StrictInput):
    """What to change; a field that is left out stays as it is."""

    favourite: bool | None = Field(default=None, description="Whether it is a favourite.")
    folders: Annotated[tuple[FolderName, ...], Field(strict=False)] | None = Field(
        default=None,
        max_length=MAX_FOLDERS_EACH,
        description="The folders that it is in from now on: all of them. A new name makes a folder.",
    )


@router.patch("", summary="Mark an output", responses=documented(400, 404, 409, 413, 415, 429, 503))
def mark_output(
    job_id: JobId, index: Index, body: MarksInput, services: ServicesOf, owner: Owner, base_url: BaseUrl
) -> GenerationView:
    """Make it a favourite or put it into folders. Its generation then never expires; when the last mark of its outputs
    is taken away, the time until it is removed begins anew."""
    job = find(services, job_id, owner)
    if body.favourite is None and body.folders is None:
        raise InvalidRequest("say what to change: 'favourite', 'folders', or both", param="favourite")
    services.marks.mark(job.id, index, favourite=body.favourite, folders=body.folders)
    return view(services, find(services, job_id, owner), base_url)


@router.delete("", status_code=204, summary="Delete an output", responses=documented(400, 404, 503))
def delete_output(job_id: JobId, index: Index, services: ServicesOf, owner: Owner) -> None:
    """Its file goes at once and for good; the others keep their numbers. With the last one the generation goes."""
    forget_output(services, find(services, job_id, owner), index)
