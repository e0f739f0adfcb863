"""Many outputs in one file, to be fetched by a browser."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from app.api.jobs import find
from app.auth.access import needs
from app.http.errors import documented
from app.http.json_bodies import JsonRoute
from app.http.validation import StrictInput
from app.jobs.archive import Entry, zipped
from app.jobs.view import EXAMPLE_ID, signed_url
from app.services import BaseUrl, Owner, Services, ServicesOf, Viewer
from core.errors import InvalidRequest, NotFound
from core.jobs import JOB_ID, Job
from core.keys import Scope
from core.media import Artifact
from core.store import Archive
from core.store.archives import ARCHIVE_ID

router = APIRouter(prefix="/v1/archives", tags=["archives"], route_class=JsonRoute)

MAX_ITEMS: Final = 1000

ZIP: Final = "application/zip"

RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The archive.", "content": {ZIP: {"schema": {"type": "string", "format": "binary"}}}},
    **documented(404, 503),
}

ArchiveId = Annotated[
    str,
    Path(
        description="The id that POST /v1/archives answered.",
        examples=["arc_" + EXAMPLE_ID.removeprefix("gen_")],
        json_schema_extra={"pattern": f"^{ARCHIVE_ID.pattern}$"},
    ),
]


class ArchiveItem(StrictInput):
    """One output of a generation, or all of them."""

    generation: str = Field(
        description="The id of one of your generations.",
        examples=[EXAMPLE_ID],
        json_schema_extra={"pattern": f"^{JOB_ID.pattern}$"},
    )
    index: int | None = Field(default=None, ge=0, le=99, description="Which of its outputs; all of them without it.")


class ArchiveInput(StrictInput):
    """What is to be in the archive, in its order."""

    items: list[ArchiveItem] = Field(min_length=1, max_length=MAX_ITEMS)


class ArchiveView(BaseModel):
    """Where the archive is; it is put together while it is fetched."""

    id: str
    object: Literal["archive"] = "archive"
    url: str = Field(description="Opens without a key until it expires.")
    count: int = Field(description="How many outputs are in it.")
    size_bytes: int = Field(description="Of their files together.")
    expires_at: datetime


@router.post(
    "",
    status_code=201,
    summary="Put outputs into one file",
    dependencies=[needs(Scope.GENERATE)],
    responses=documented(400, 404, 413, 415, 503),
)
def create_archive(body: ArchiveInput, services: ServicesOf, owner: Owner, base_url: BaseUrl) -> ArchiveView:
    """A ZIP of up to 1,000 outputs, each named after its prompt, with `recipes.json`. What is deleted until it is
    fetched is named there as gone."""
    found = [each for place, item in enumerate(body.items) for each in _outputs(services, item, owner, place)]
    if len(found) > MAX_ITEMS:
        raise InvalidRequest(f"these are {len(found)} outputs; an archive holds {MAX_ITEMS}", param="items")
    seconds = services.settings.result_url_seconds
    archive = services.archives.add(owner, [(job.id, output.index) for job, output in found], seconds)
    return ArchiveView(
        id=archive.id,
        url=signed_url(owner, f"/v1/archives/{archive.id}.zip", base_url, services.url_signer.sign),
        count=len(found),
        size_bytes=sum(output.size_bytes for _, output in found),
        expires_at=datetime.now(UTC) + timedelta(seconds=seconds),
    )


@router.get(
    "/{archive_id}.zip",
    summary="Fetch an archive",
    dependencies=[needs(Scope.READ, signed=True)],
    response_class=StreamingResponse,
    responses=RESPONSES,
)
def get_archive(archive_id: ArchiveId, services: ServicesOf, viewer: Viewer) -> StreamingResponse:
    """The ZIP. A signed address needs no key."""
    archive = services.archives.get(archive_id) if ARCHIVE_ID.fullmatch(archive_id) else None
    if archive is None or viewer not in (None, archive.owner):
        raise NotFound(
            "there is no such archive, or its time is over: ask for it again",
            code="archive_not_found",
            param="archive_id",
        )
    name = f"easel-{len(archive.items)}-pictures.zip"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(zipped(_entries(services, archive), services.results), media_type=ZIP, headers=headers)


def _outputs(services: Services, item: ArchiveItem, owner: str, place: int) -> list[tuple[Job, Artifact]]:
    """What an item means. Raises NotFound, naming it."""
    try:
        job = find(services, item.generation, owner)
    except NotFound as error:
        raise NotFound(
            f"there is no generation {item.generation[:60]!r}", code=error.code, param=f"items.{place}.generation"
        ) from error
    outputs = [(job, output) for output in job.outputs if item.index in (None, output.index)]
    if not outputs:
        named = "no outputs" if item.index is None else f"no output {item.index}"
        raise NotFound(f"generation {job.id} has {named}", code="result_not_found", param=f"items.{place}.index")
    return outputs


def _entries(services: Services, archive: Archive) -> Iterator[Entry]:
    for job_id, index in archive.items:
        job = services.jobs.get(job_id)
        job = job if job is not None and job.owner == archive.owner else None
        output = job.output(index) if job else None
        yield Entry(generation=job_id, index=index, job=job, output=output)
