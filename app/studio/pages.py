"""Serves the page and its two files from the package. Knows nothing of what they do."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response

router = APIRouter(include_in_schema=False)

HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def _file(name: str, media_type: str) -> Response:
    content = (files("app.studio") / name).read_bytes()
    return Response(content, media_type=media_type, headers=HEADERS)


@router.get("/")
def get_page() -> Response:
    """The page."""
    return _file("index.html", "text/html")


@router.get("/studio.css")
def get_style() -> Response:
    """How it looks."""
    return _file("studio.css", "text/css")


@router.get("/studio.js")
def get_script() -> Response:
    """What it does."""
    return _file("studio.js", "text/javascript")
