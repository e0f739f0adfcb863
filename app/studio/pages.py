"""Serves the page and its files from the package."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
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


def _files(folder: Traversable, within: str = "") -> Iterator[tuple[str, bytes]]:
    """What a browser may ask for, by its path in the package, in the order of their names."""
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _files(entry, f"{within}{entry.name}/")
        elif entry.name.rpartition(".")[2] in MEDIA_TYPES:
            yield within + entry.name, entry.read_bytes()


def _composed(files: dict[str, bytes]) -> dict[str, bytes]:
    """The page with its dialogs, and with links to all that it needs: what is found in another file comes later."""
    dialogs = [content.decode() for name, content in files.items() if name.startswith("dialogs/")]
    links = [
        f'<link rel="stylesheet" href="/studio/{name}">'
        if name.endswith(".css")
        else f'<link rel="modulepreload" href="/studio/{name}">'
        for name in sorted(files, key=lambda name: (not name.endswith(".css"), name))
        if name.endswith((".css", ".js"))
    ]
    page = files["index.html"].decode().replace("<!-- styles and scripts -->", "\n  ".join(links))
    page = page.replace("<!-- dialogs -->\n", "".join(dialogs))
    return {"index.html": page.encode()} | {
        name: content for name, content in files.items() if not name.endswith(".html")
    }


FILES: Final = _composed(dict(_files(files("app.studio"))))
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


@router.get("/studio/{name:path}")
def get_page_file(name: str, known: Known = None) -> Response:
    """How it looks and what it does."""
    if name not in FILES or name == "index.html":
        raise NotFound("the page has no such file", param="name")
    return _file(name, known)
