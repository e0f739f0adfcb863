"""Uploads: files that several generations start from, kept for a day."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from anyio import to_thread
from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field

from app.auth.access import needs
from app.http.errors import documented
from app.http.multipart import only, open_form
from app.jobs.sources import InlineFile
from app.services import Owner, Services, ServicesOf
from core.errors import NotFound
from core.keys import Scope
from core.media import Facts
from core.store.uploads import Upload, new_upload_id

router = APIRouter(prefix="/v1/uploads", tags=["uploads"], dependencies=[needs(Scope.GENERATE)])

UPLOAD_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "PNG, JPEG or WebP, 20 MiB."}
                    },
                }
            }
        },
    }
}

UploadId = Annotated[str, Path(description="An id of POST /v1/uploads.", examples=["upl_…"])]


class UploadView(BaseModel):
    """One file; name it in the `inputs` of a generation as `{"upload": id}`."""

    id: str
    object: Literal["upload"] = "upload"
    medium: str = Field(examples=["image/png"])
    size_bytes: int
    facts: Facts
    created_at: datetime
    expires_at: datetime = Field(description="When it is removed; generations that started from it keep their copy.")


@router.post(
    "",
    status_code=201,
    summary="Upload a file",
    dependencies=[needs(Scope.GENERATE, metered=True)],
    openapi_extra=UPLOAD_BODY,
    responses=documented(400, 413, 415, 429, 503),
)
async def create_upload(request: Request, services: ServicesOf, owner: Owner) -> UploadView:
    """For a file that is used more than once; one that is used once may come with its generation."""
    async with open_form(request) as form:
        content = only("file", form.all("file"))
        return await to_thread.run_sync(_store, services, owner, content, limiter=services.decoder_limiter)


def _store(services: Services, owner: str, content: bytes) -> UploadView:
    services.uploads.check_room(owner)
    with services.sources.opening(owner) as files:
        opened = files.open(InlineFile(content), "file")
    picture, upload_id = opened.picture, new_upload_id()
    key = f"{upload_id}/0.{picture.extension}"
    services.jobs.expect(upload_id)  # removed by the keeper, if this process dies before the row is written
    services.results.put(key, content)
    return _view(services.uploads.add(upload_id, owner, key, picture.medium, len(content), opened.facts))


@router.get(
    "/{upload_id}", summary="Look at an upload", dependencies=[needs(Scope.READ)], responses=documented(404, 503)
)
def get_upload(upload_id: UploadId, services: ServicesOf, owner: Owner) -> UploadView:
    """What it is and when it goes."""
    return _view(_find(services, upload_id, owner))


@router.delete("/{upload_id}", status_code=204, summary="Delete an upload", responses=documented(404, 503))
def delete_upload(upload_id: UploadId, services: ServicesOf, owner: Owner) -> None:
    """Remove it now. Generations that started from it keep their copy."""
    upload = _find(services, upload_id, owner)
    services.results.delete_prefix(f"{upload.id}/")
    services.uploads.delete(upload)


def _find(services: Services, upload_id: str, owner: str) -> Upload:
    upload = services.uploads.get(upload_id)
    if upload is None or upload.owner != owner:
        raise NotFound("there is no such upload", code="upload_not_found", param="upload_id")
    return upload


def _view(upload: Upload) -> UploadView:
    return UploadView(
        id=upload.id,
        medium=upload.medium,
        size_bytes=upload.size_bytes,
        facts=upload.facts,
        created_at=upload.created_at,
        expires_at=upload.expires_at,
    )
