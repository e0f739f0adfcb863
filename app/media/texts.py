"""The words that programs write into pictures: PNG's text chunks and some fields of EXIF. Runs in the child process."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Final

from PIL import Image

MAX_TEXT_CHARS: Final = 2**20
"""Of one text; a longer one is left out, since half of a recipe is none."""

CHUNKS: Final = ("easel", "parameters", "prompt")
EXIF_IFD: Final = 0x8769
FIELDS: Final = {0x010E: "description", 0x010F: "make", 0x0110: "model"}
USER_COMMENT: Final = 0x9286
CHARSETS: Final = {b"UNICODE\0": "utf-16", b"ASCII\0\0\0": "ascii", b"JIS\0\0\0\0\0": "shift_jis"}


def texts_of(content: bytes, formats: tuple[str, ...], most_pixels: int) -> dict[str, str]:
    """The words by their names: those of PNG's chunks, and `description`, `comment`, `make` and `model` of EXIF.

    A picture without any, or of more than `most_pixels`, has none. Raises what Pillow does for a file that is broken.
    """
    picture = Image.open(io.BytesIO(content), formats=formats)
    if picture.width * picture.height > most_pixels:
        return {}
    found = {str(name): value for name, value in picture.info.items() if name in CHUNKS and isinstance(value, str)}
    if not found and picture.format == "PNG":
        picture.load()  # some programs write them behind the pixels
        found = {str(name): value for name, value in picture.info.items() if name in CHUNKS and isinstance(value, str)}
    found |= dict(_exif(picture))
    return {name: str(value) for name, value in found.items() if 0 < len(value) <= MAX_TEXT_CHARS}


def _exif(picture: Image.Image) -> Iterator[tuple[str, str]]:
    exif = picture.getexif()
    for tag, name in FIELDS.items():
        value = exif.get(tag)
        if isinstance(value, str):
            yield name, _unbroken(value)
    comment = exif.get_ifd(EXIF_IFD).get(USER_COMMENT)
    if isinstance(comment, bytes):
        yield "comment", comment_of(comment)
    elif isinstance(comment, str):
        yield "comment", comment


def comment_of(raw: bytes) -> str:
    """EXIF's UserComment: 8 bytes that name its characters, then the words.

    UTF-16 comes in the file's byte order, in the big one whatever that is (piexif), and now and then with a mark.
    """
    words = raw[8:]
    charset = CHARSETS.get(raw[:8])
    if charset != "utf-16":
        return (words if charset or raw[:8] == bytes(8) else raw).decode(charset or "utf-8", "replace").strip("\0 ")
    if words[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return words.decode("utf-16", "replace").strip("\0 ")
    big, little = (words.decode(f"utf-16-{order}e", "replace") for order in "bl")
    return max((big, little), key=lambda text: sum(char.isascii() for char in text)).strip("\0 ")


def _unbroken(value: str) -> str:
    """Pillow reads EXIF's text as Latin-1; most programs write UTF-8."""
    try:
        return value.encode("latin-1").decode("utf-8").strip("\0 ")
    except UnicodeError:
        return value.strip("\0 ")
