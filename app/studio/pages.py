"""Serves the page and its files from the package."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import Annotated, Final

from fastapi import APIRouter, Header
from fastapi.responses import Response

from app.auth.access import PUBLIC
from core.errors import NotFound

router = APIRouter(include_in_schema=False, dependencies=[PUBLIC])

HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

MEDIA_TYPES: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

FILES: Final = {
    entry.name: entry.read_bytes()
    for entry in files("app.studio").iterdir()
    if entry.name.rpartition(".")[2] in MEDIA_TYPES
}
"""Read once; nothing that is not in the package can be asked for."""

TAGS: Final = {name: f'"{hashlib.sha256(content).hexdigest()[:20]}"' for name, content in FILES.items()}
"""So that a browser that has a file asks whether it is still good, and need not fetch it again."""

Known = Annotated[str | None, Header(alias="If-None-Match")]


def _file(name: str, known: str | None) -> Response:
    headers = {**HEADERS, "ETag": TAGS[name]}
    if known is not None and TAGS[name] in known:
        return Response(status_code=304, headers=headers)
    return Response(FILES[name], media_type=MEDIA_TYPES[name.rpartition(".")[2]], headers=headers)


@router.get("/")
def get_page(known: Known = None) -> Response:
    """The page."""
    return _file("index.html", known)


@router.get("/studio/{name}")
def get_page_file(name: str, known: Known = None) -> Response:
    """How it looks and what it does."""
    if name not in FILES or name == "index.html":
        raise NotFound("the page has no such file", param="name")
    return _file(name, known)
