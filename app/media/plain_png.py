"""Whether a file is a PNG of nothing but pixels: the worker that opens it has more to lose than the one that wrote it.

PNG specification, third edition (W3C 2025), sections 5 and 11: a signature, then chunks of length, type, data and CRC.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

from app.media.conversion import Channel

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
HEADER: Final = struct.Struct(">II5B")
COLOUR_TYPES: Final = {"colour": 2, "grey": 0, "clear": 0, "outside": 0}
MAX_SIDE: Final = 4096


def is_plain_png(content: bytes, channel: Channel) -> bool:
    """Whether `content` is a header of 8 bits a sample in the channel's mode, then pixels, and the end."""
    if not content.startswith(SIGNATURE):
        return False
    kinds: list[bytes] = []
    place = len(SIGNATURE)
    while place + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        kind, data = content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        if len(content) < place + 12 + length:
            return False
        if struct.unpack_from(">I", content, place + 8 + length)[0] != zlib.crc32(kind + data):
            return False
        if not kinds and (kind != b"IHDR" or not _is_plain_header(data, channel)):
            return False
        kinds.append(kind)
        place += 12 + length
    pixels = kinds[1:-1]
    return place == len(content) and kinds[-1:] == [b"IEND"] and pixels == [b"IDAT"] * len(pixels) != []


def _is_plain_header(data: bytes, channel: Channel) -> bool:
    if len(data) != HEADER.size:
        return False
    width, height, *rest = HEADER.unpack(data)
    return 0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and rest == [8, COLOUR_TYPES[channel], 0, 0, 0]
