"""Images: pixels to PNG, JPEG or WebP, with the recipe inside the file."""

from __future__ import annotations

import io
from importlib.metadata import version
from typing import Final

import torch
from PIL import Image, ImageChops, ImageFilter, PngImagePlugin

from core.infotext import infotext
from core.jobs import GenerationRequest
from worker.contract import Inputs
from worker.outputs import Encoded
from worker.pictures import MASK_MODE, fitted
from worker.recipe import recipe

DEFAULT_QUALITY: Final = 90
PNG_LEVEL: Final = 3
"""Of zlib: its usual 6 takes more than twice as long for files a seventh smaller, and as long as a step or two of a
small model."""
EXIF_SOFTWARE: Final = 0x0131
EXIF_IMAGE_DESCRIPTION: Final = 0x010E
EXIF_IFD: Final = 0x8769
EXIF_USER_COMMENT: Final = 0x9286

FEATHER_PIXELS: Final = 3
"""The radius of the blur that softens the seam between what was drawn and what was kept."""


def encode(result: torch.Tensor, request: GenerationRequest, seed: int, inputs: Inputs) -> Encoded:
    """The file of one picture; `result` is uint8 [height, width, 3] on the CPU, or 4 channels with opacity.

    PNG carries text chunks: `seed`, `easel` (the whole recipe as JSON) and `parameters` (the line that other
    tools read). JPEG and WebP carry the JSON recipe as the EXIF description,
    and that line as the user comment.
    """
    height, width, channels = result.shape
    mode = "RGBA" if channels == 4 else "RGB"
    image = kept(Image.frombytes(mode, (width, height), result.numpy().tobytes()), inputs)
    software = f"Easel {version('easel')}"
    file = io.BytesIO()
    if request.output.format == "png":
        text = PngImagePlugin.PngInfo()
        text.add_text("Software", software)
        text.add_text("seed", str(seed))
        text.add_itxt("parameters", infotext(request, seed))
        text.add_itxt("easel", recipe(request, seed))
        image.save(file, "PNG", pnginfo=text, compress_level=PNG_LEVEL)
    else:
        exif = Image.Exif()
        exif[EXIF_SOFTWARE] = software
        exif[EXIF_IMAGE_DESCRIPTION] = recipe(request, seed)
        exif.get_ifd(EXIF_IFD)[EXIF_USER_COMMENT] = b"UNICODE\0" + infotext(request, seed).encode("utf-16-be")
        quality = request.output.quality or DEFAULT_QUALITY
        image.save(file, request.output.format.upper(), quality=quality, exif=exif)
    return Encoded(file.getvalue(), {"width": width, "height": height}, image)


def kept(drawn: Image.Image, inputs: Inputs) -> Image.Image:
    """`drawn` where the mask is white, and elsewhere the picture it started from; all of it where there is no mask.

    A model gives the rest of the picture back almost, not quite, as it was. The seam is softened inside the mask; a
    mask that is grey at its edge blends both there by its own shades.
    """
    if not inputs.get("mask") or not inputs.get("image"):
        return drawn
    mask = fitted(inputs["mask"][0], MASK_MODE, drawn.size)
    soft = ImageChops.darker(mask, mask.filter(ImageFilter.GaussianBlur(FEATHER_PIXELS)))
    return Image.composite(drawn, fitted(inputs["image"][0], drawn.mode, drawn.size), soft)
