"""`python -m app.media.decoder_process`: reads pictures from outside in a process with little to lose.

On standard input: a length in 8 bytes, big endian, and a file of that length, over and over. On standard output, for
each: a line of JSON that says `mode` and `size` of the picture and then its pixels, or says what it is `refused` for.
"""

from __future__ import annotations

import io
import json
import resource
import struct
import sys
from typing import Final

from PIL import Image, ImageOps

FORMATS: Final = ("PNG", "JPEG", "WEBP")
MAX_PIXELS: Final = 4096 * 4096
MEMORY_BYTES: Final = 2**30
CPU_SECONDS: Final = 5
LENGTH: Final = struct.Struct(">Q")

TOO_LARGE: Final = "too_large"
UNREADABLE: Final = "unreadable"


def read_picture(content: bytes) -> tuple[dict[str, object], bytes]:
    """What to answer: the header, and the pixels in RGB or RGBA, upright; of several frames, the first."""
    try:
        picture: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)
        if picture.width * picture.height > MAX_PIXELS:
            return {"refused": TOO_LARGE, "size": picture.size}, b""
        picture.load()
        ImageOps.exif_transpose(picture, in_place=True)
        if picture.mode.startswith("I"):  # 16 bits of grey: Pillow would cut off all above the lowest 8
            picture = picture.convert("I").point(lambda value: value * (1 / 257)).convert("L")
        mode = "RGBA" if picture.has_transparency_data else "RGB"
        pixels = picture if picture.mode == mode else picture.convert(mode)
        return {"mode": mode, "size": pixels.size}, pixels.tobytes()
    except Exception as error:  # a hostile file makes Pillow raise whatever its parsers meet
        return {"refused": UNREADABLE, "reason": f"{type(error).__name__}: {error}"[:200]}, b""


def limit_time() -> None:
    """The next picture gets CPU_SECONDS; then the system ends this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + 1 + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    while head := incoming.read(LENGTH.size):
        limit_time()
        header, pixels = read_picture(incoming.read(*LENGTH.unpack(head)))
        outgoing.write(json.dumps(header).encode() + b"\n")
        outgoing.write(pixels)
        outgoing.flush()


if __name__ == "__main__":
    main()
