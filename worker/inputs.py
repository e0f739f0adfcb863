"""The pictures that a job starts from, and what of them must stay as it was. Knows pixels, and no model."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

import torch
from PIL import Image, ImageChops, ImageFilter

from core.errors import JobFailure
from core.jobs import Job
from core.results import Input, ResultStore, input_key

FEATHER_PIXELS: Final = 3


@dataclass(frozen=True, slots=True)
class Inputs:
    """`mask` is white where `image` is to be drawn anew."""

    image: Image.Image | None = None
    mask: Image.Image | None = None

    def kept(self, pixels: torch.Tensor) -> torch.Tensor:
        """The drawn `pixels` (uint8 [height, width, 3]), but outside the mask those of the image itself.

        A model gives the rest of the picture back almost, not quite, as it was. The seam is softened inside the mask.
        """
        if self.image is None or self.mask is None:
            return pixels
        height, width, _ = pixels.shape
        drawn = Image.frombytes("RGB", (width, height), pixels.contiguous().numpy().tobytes())
        soft = ImageChops.darker(self.mask, self.mask.filter(ImageFilter.GaussianBlur(FEATHER_PIXELS)))
        whole = Image.composite(drawn, self.image, soft)
        return torch.frombuffer(bytearray(whole.tobytes()), dtype=torch.uint8).reshape(height, width, 3)


def read_inputs(results: ResultStore, job: Job) -> Inputs:
    """What the job's task needs. Raises JobFailure (`input_missing`) if it is gone."""
    request = job.request
    size = (request.width, request.height)
    if request.task == "text-to-image":
        return Inputs()
    image = _read(results, job, Input.IMAGE).convert("RGB").resize(size, Image.Resampling.LANCZOS)
    if request.task != "inpaint":
        return Inputs(image)
    return Inputs(image, _read(results, job, Input.MASK).convert("L").resize(size, Image.Resampling.NEAREST))


def _read(results: ResultStore, job: Job, name: Input) -> Image.Image:
    try:
        return Image.open(io.BytesIO(results.read(input_key(job.id, name))), formats=("PNG",))
    except FileNotFoundError as error:
        raise JobFailure(f"the {name} that the job starts from is gone", code="input_missing") from error
