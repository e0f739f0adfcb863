"""`python -m app.media.decoder_process`: reads and changes pictures from outside in a process with little to lose.

On standard input: a line of JSON, over and over. `{"open": n}` is followed by a file of n bytes, `{"write": k, …}`
asks for a PNG file of the k-th open picture by the fields of a `Conversion`, `{"shrink": k, "side": n}` keeps that
picture in n pixels a side only, `{"sheet": …}` asks for a PNG file of several by the fields of a `Sheet`,
`{"texts": n}` is followed by a file of n bytes and asks for the words in it as JSON, `{"close": true}` lets all of
them go.
On standard output, for each, a line of JSON: what the picture is, or what it is `refused` for, or the `bytes` of a
file, and then the file.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from typing import Any, Final

from PIL import Image, ImageOps

from app.media.conversion import Conversion, Prepared
from app.media.sheet_drawing import drawn_sheet
from app.media.sheets import Cell, Sheet
from app.media.texts import texts_of
from app.media.transforms import clear_part, converted, flat

FORMATS: Final = ("PNG", "JPEG", "WEBP")
MAX_PIXELS: Final = 4096 * 4096
MEMORY_BYTES: Final = 2**30
CPU_SECONDS: Final = 5

TOO_LARGE: Final = "too_large"
UNREADABLE: Final = "unreadable"

Answer = tuple[dict[str, object], bytes]


def open_picture(content: bytes, opened: list[Image.Image]) -> Answer:
    """Put the picture in `content` to `opened`, RGB or RGBA, upright; of several frames, the first."""
    try:
        picture: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)
        kind = picture.format
        if picture.width * picture.height > MAX_PIXELS:
            return {"refused": TOO_LARGE, "size": picture.size}, b""
        picture.load()
        ImageOps.exif_transpose(picture, in_place=True)
        if picture.mode.startswith("I"):  # 16 bits of grey: Pillow would cut off all above the lowest 8
            picture = picture.convert("I").point(lambda value: value * (1 / 257)).convert("L")
        mode = "RGBA" if picture.has_transparency_data else "RGB"
        opened.append(picture if picture.mode == mode else picture.convert(mode))
        return {"size": opened[-1].size, "format": kind, "clear": clear_part(opened[-1]) is not None}, b""
    except Exception as error:  # a hostile file makes Pillow raise whatever its parsers meet
        return {"refused": UNREADABLE, "reason": f"{type(error).__name__}: {error}"[:200]}, b""


def write_picture(command: dict[str, Any], opened: list[Image.Image]) -> Answer:
    """The PNG file that the command asks for."""
    size = command["size"]
    like = command["like"]
    made = Prepared(**command["prepared"])
    box = tuple(command["box"]) if command["box"] else None
    conversion = Conversion(command["channel"], tuple(size) if size else None, command["invert"], like, made, box)
    content = converted(opened[command["write"]], conversion, None if like is None else opened[like])
    return {"bytes": len(content)}, content


def shrink_picture(command: dict[str, Any], opened: list[Image.Image]) -> Answer:
    """Keep no more of a picture than is shown of it."""
    small = flat(opened[command["shrink"]])
    small.thumbnail((command["side"], command["side"]), Image.Resampling.LANCZOS)
    opened[command["shrink"]] = small
    return {"size": small.size}, b""


def write_sheet(command: dict[str, Any], opened: list[Image.Image]) -> Answer:
    """The PNG file of several pictures."""
    told = command["sheet"]
    sheet = Sheet(told["columns"], told["side"], tuple(Cell(**cell) for cell in told["cells"]))
    content = drawn_sheet(sheet, opened)
    return {"bytes": len(content)}, content


def read_texts(content: bytes) -> Answer:
    """The words that programs wrote into the picture in `content`, as a JSON file."""
    try:
        texts = json.dumps(texts_of(content, FORMATS, MAX_PIXELS)).encode()
    except Exception as error:  # as above
        return {"refused": UNREADABLE, "reason": f"{type(error).__name__}: {error}"[:200]}, b""
    return {"bytes": len(texts)}, texts


def limit_time() -> None:
    """The next command gets CPU_SECONDS; then the system ends this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + 1 + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def main() -> None:
    """Answer the commands on standard input until it ends, under the limits of memory and time."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    opened: list[Image.Image] = []
    while line := incoming.readline():
        command = json.loads(line)
        limit_time()
        if "open" in command:
            header, content = open_picture(incoming.read(command["open"]), opened)
        elif "texts" in command:
            header, content = read_texts(incoming.read(command["texts"]))
        elif "write" in command:
            header, content = write_picture(command, opened)
        elif "shrink" in command:
            header, content = shrink_picture(command, opened)
        elif "sheet" in command:
            header, content = write_sheet(command, opened)
        else:
            opened.clear()
            header, content = {}, b""
        outgoing.write(json.dumps(header).encode() + b"\n")
        outgoing.write(content)
        outgoing.flush()


if __name__ == "__main__":
    main()
