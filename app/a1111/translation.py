"""A call of AUTOMATIC1111's clients as one of our jobs. Knows the catalogue and pictures, no store and no HTTP."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from PIL import Image, ImageChops

from app.a1111.fields import ImageToImage, TextToImage
from app.a1111.samplers import scheduler_for
from app.decoding import OpenPicture
from app.openai.models import fitted
from app.pictures import flat, png
from app.submission import GenerationInput, OutputInput, Start, new_job
from core.catalog import Catalog, Model
from core.errors import InvalidRequest
from core.jobs import MAX_SEED, Task
from core.results import Input
from core.store import NewJob

LABEL: Final = {"client": "a1111"}
"""By this an interrupt finds the jobs that these clients asked for."""

WEAKEST: Final = 0.01

PARAMS: Final = {"num_inference_steps": "steps", "guidance_scale": "cfg_scale", "n": "batch_size"}


def job_of(
    asked: TextToImage, catalog: Catalog, owner: str, chosen: str | None, open_picture: OpenPicture
) -> tuple[NewJob, Mapping[Input, bytes]]:
    """The job to submit and the pictures to store for it. Raises NotFound or InvalidRequest, naming the field."""
    model = model_of(asked.checkpoint or chosen, catalog)
    size = fitted(asked.width, asked.height, model.size)
    inputs = _pictures(asked, size, open_picture) if isinstance(asked, ImageToImage) else {}
    start = None
    if isinstance(asked, ImageToImage):
        task = Task.INPAINT if Input.MASK in inputs else Task.IMAGE_TO_IMAGE
        start = Start(task, max(WEAKEST, asked.denoising_strength))
    try:
        new = new_job(_generation(asked, model, size), catalog, owner, None, start)
    except InvalidRequest as error:
        error.param = PARAMS.get(error.param or "", error.param)
        raise
    return replace(new, fingerprint=_fingerprint(asked)), inputs


def model_of(name: str | None, catalog: Catalog) -> Model:
    """By its id, with or without the hash in brackets that these clients put behind a name."""
    return catalog.model(name.partition(" [")[0] if name else None)


def _generation(asked: TextToImage, model: Model, size: tuple[int, int]) -> GenerationInput:
    width, height = size
    return GenerationInput.model_construct(
        prompt=asked.prompt,
        negative_prompt=asked.negative_prompt if model.negative_prompt else "",
        model=model.id,
        width=width,
        height=height,
        num_inference_steps=asked.steps,
        guidance_scale=asked.cfg_scale,
        scheduler=scheduler_for(asked.sampler_name or asked.sampler_index, model),
        seed=None if asked.seed < 0 else asked.seed % (MAX_SEED + 1),
        n=asked.batch_size * asked.n_iter,
        output=OutputInput(),
        metadata=LABEL,
    )


def _pictures(asked: ImageToImage, size: tuple[int, int], open_picture: OpenPicture) -> dict[Input, bytes]:
    image = flat(open_picture(decoded(asked.init_images[0], "init_images"), "init_images"))
    inputs = {Input.IMAGE: png(image, size)}
    if asked.mask:
        mask = flat(open_picture(decoded(asked.mask, "mask"), "mask")).convert("L")
        mask = mask.resize(image.size, Image.Resampling.NEAREST)
        if asked.inpainting_mask_invert:
            mask = ImageChops.invert(mask)
        inputs[Input.MASK] = png(mask, size)
    return inputs


def decoded(text: str, param: str) -> bytes:
    """The bytes of a base64 text or data URL. Raises InvalidRequest."""
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(f"'{param}' must be a picture in base64", code="invalid_image", param=param) from error


def _fingerprint(asked: TextToImage) -> str:
    return hashlib.sha256(f"{type(asked).__name__} {asked.model_dump_json()}".encode()).hexdigest()
