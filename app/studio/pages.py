"""Serves the page and its files from the package."""

from __future__ import annotations

import gzip
import hashlib
import re
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

FOR_GOOD: Final = "public, max-age=31536000, immutable"

MEDIA_TYPES: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def _files(folder: Traversable, within: str = "") -> Iterator[tuple[str, bytes]]:
    """What a browser may ask for, by its path in the package, in the order of their names."""
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _files(entry, f"{within}{entry.name}/")
        elif entry.name.rpartition(".")[2] in MEDIA_TYPES:
            yield within + entry.name, entry.read_bytes()


def _composed(files: dict[str, bytes], version: str) -> dict[str, bytes]:
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
    page = page.replace("<!-- dialogs -->\n", "".join(dialogs)).replace('"/studio/', f'"/studio/{version}/')
    return {"index.html": page.encode()} | {
        name: content for name, content in files.items() if not name.endswith(".html")
    }


READ: Final = dict(_files(files("app.studio")))

VERSION: Final = hashlib.sha256(b"".join(READ.values())).hexdigest()[:12]
"""In the addresses of all files but the page: those of another version differ, so that they may be kept for good."""

VERSIONS: Final = re.compile(r"[0-9a-f]{12}")
"""While a fleet is brought up to date, a page of one version may ask an api of another."""

FILES: Final = _composed(READ, VERSION)
"""Read once; nothing that is not in the package can be asked for."""

PACKED: Final = {name: gzip.compress(content, mtime=0) for name, content in FILES.items()}

TAGS: Final = {name: hashlib.sha256(content).hexdigest()[:20] for name, content in FILES.items()}
"""So that a browser that has a file asks whether it is still good, and need not fetch it again."""

Known = Annotated[str | None, Header(alias="If-None-Match")]
Encodings = Annotated[str, Header(alias="Accept-Encoding")]


def _file(name: str, known: str | None, encodings: str, kept: str = HEADERS["Cache-Control"]) -> Response:
    packed = re.search(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", encodings) is not None
    tag = f'"{TAGS[name]}{"-gzip" if packed else ""}"'
    headers = {**HEADERS, "Cache-Control": kept, "ETag": tag, "Vary": "Accept-Encoding"}
    if known is not None and tag in known:
        return Response(status_code=304, headers=headers)
    if packed:
        headers["Content-Encoding"] = "gzip"
    content = PACKED[name] if packed else FILES[name]
    return Response(content, media_type=MEDIA_TYPES[name.rpartition(".")[2]], headers=headers)


@router.get("/")
def get_page(known: Known = None, encodings: Encodings = "") -> Response:
    """The page."""
    return _file("index.html", known, encodings)


@router.get("/studio/{name:path}")
def get_page_file(name: str, known: Known = None, encodings: Encodings = "") -> Response:
    """How it looks and what it does."""
    version, _, rest = name.partition("/")
    found = rest if VERSIONS.fullmatch(version) else name
    if found not in FILES or found == "index.html":
        raise NotFound("the page has no such file", param="name")
    return _file(found, known, encodings, FOR_GOOD if version == VERSION else HEADERS["Cache-Control"])
