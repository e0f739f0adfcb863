"""How a running generation looks so far."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import Response

from app.api.jobs import JobId, find
from app.auth.access import needs
from app.http.errors import documented
from app.services import Owner, ServicesOf
from core.jobs import Status
from core.keys import Scope

router = APIRouter(prefix="/v1/generations", tags=["generations"], dependencies=[needs(Scope.READ)])

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}

RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The first picture as it is now: small, coarse, a JPEG.",
        "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}},
    },
    204: {"description": "There is nothing to see: not begun yet, or over."},
    **documented(404, 503),
}


@router.get("/{job_id}/preview", summary="Glimpse a running generation", response_class=Response, responses=RESPONSES)
def get_preview(job_id: JobId, services: ServicesOf, owner: Owner) -> Response:
    """About once a second there is a new one."""
    job = find(services, job_id, owner)
    preview = services.previews.latest(job.id) if job.status is Status.RUNNING else None
    if preview is None:
        return Response(status_code=204, headers=HEADERS)
    return Response(preview.jpeg, media_type="image/jpeg", headers=HEADERS)
