"""Hostile pictures: files that lie, swell, are cut short, or are something else besides."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from tests.app.wires.openai.files import file_of, plain

RED = file_of(plain(32, 32))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 0) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def squeezed(size: int) -> bytes:
    return zlib.compress(bytes(size), 9)


def claiming(size: tuple[int, int]) -> bytes:
    """A JPEG whose header says another size than its data has."""
    jpeg = file_of(plain(64, 64), "JPEG")
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", size[1], size[0]) + jpeg[at + 4 :]


def canvas(size: int) -> bytes:
    """An animated WebP of two small frames on a canvas that is said to be large."""
    moving = file_of(plain(32, 32), "WEBP", save_all=True, append_images=[plain(32, 32, "blue")])
    at = moving.index(b"VP8X") + 12
    return moving[:at] + 2 * struct.pack("<I", size - 1)[:3] + moving[at + 6 :]


def scans(times: int) -> bytes:
    """A progressive JPEG that refines nothing, again and again."""
    jpeg = file_of(plain(3000, 3000), "JPEG", progressive=True)
    last = jpeg.rindex(b"\xff\xda")
    return jpeg[:-2] + times * jpeg[last:-2] + jpeg[-2:]


def archive() -> bytes:
    """A ZIP archive with a page in it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as content:
        content.writestr("index.html", SCRIPT)
    return file.getvalue()


SCRIPT = b"<script>alert(1)</script>"

HOSTILE = {
    "nothing": b"",
    "text": b"hello",
    "html": b"<html><script>alert(1)</script></html>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "gif": file_of(plain(8, 8), "GIF"),
    "bmp": file_of(plain(8, 8), "BMP"),
    "tiff": file_of(plain(8, 8), "TIFF"),
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(ls) system\n",
    "no size": png_of(0, 0, chunk(b"IDAT", squeezed(10))),
    "huge by its header": png_of(2**31 - 1, 2**31 - 1, chunk(b"IDAT", squeezed(10))),
    "just too large": png_of(4097, 4096, chunk(b"IDAT", squeezed(4098 * 4096))),
    "a bomb of 80 million pixels": png_of(9000, 9000, chunk(b"IDAT", squeezed(9001 * 9000))),
    "a bomb of text": png_of(8, 8, chunk(b"zTXt", b"a\0\0" + squeezed(100_000_000)), chunk(b"IDAT", squeezed(72))),
    "a bomb of colours": png_of(8, 8, chunk(b"iCCP", b"a\0\0" + squeezed(100_000_000)), chunk(b"IDAT", squeezed(72))),
    "cut short": RED[: len(RED) // 2],
    "a head only": RED[:33],
    "a wrong checksum": RED[:-20] + bytes([RED[-20] ^ 255]) + RED[-19:],
    "jpeg without a size": claiming((0, 0)),
    "jpeg without a width": claiming((0, 64)),
    "huge by its jpeg header": claiming((65_500, 65_500)),
    "webp with the largest canvas": canvas(2**24),
    "webp with a large canvas": canvas(16_383),
    "jpeg cut short": file_of(plain(64, 64), "JPEG")[:300],
    "webp cut short": file_of(plain(64, 64), "WEBP")[:30],
}

HARMLESS = {
    "a zip at its end": RED + archive(),
    "a page at its end": file_of(plain(32, 32), "JPEG") + SCRIPT,
    "a page in its text": png_of(32, 32, chunk(b"tEXt", b"a\0" + SCRIPT), chunk(b"IDAT", squeezed(33 * 32))),
    "a page for a profile": file_of(plain(32, 32), "JPEG", icc_profile=SCRIPT * 400_000),
    "a page for a comment": file_of(plain(32, 32), "JPEG", comment=SCRIPT),
    "a page for its exif": file_of(plain(32, 32), "WEBP", exif=b"Exif\0\0MM\0*" + SCRIPT * 2000),
    "nonsense for its exif": file_of(plain(32, 32), "JPEG", exif=b"Exif\0\0" + b"\xff" * 60_000),
    "hundreds of frames": file_of(
        plain(32, 32), "PNG", save_all=True, append_images=[plain(32, 32, f"#0000{n:02x}") for n in range(1, 256)]
    ),
    "moving webp": file_of(plain(32, 32), "WEBP", save_all=True, append_images=[plain(32, 32, "blue")] * 20),
    "less than its header says": claiming((32, 32)),
}
"""Files that are pictures too: 32 pixels each way are all that may be left of them."""
