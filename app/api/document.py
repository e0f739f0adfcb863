"""GET /openapi.json: the description of this server, for people's tools."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from app.auth.access import PUBLIC

router = APIRouter(include_in_schema=False, dependencies=[PUBLIC])


@router.api_route("/openapi.json", methods=["GET", "HEAD"])
def get_document(request: Request) -> JSONResponse:
    """With the models of this server as the bounds of its fields."""
    return JSONResponse(request.app.openapi())
