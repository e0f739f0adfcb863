"""A call of AUTOMATIC1111's clients as one of our jobs. Knows the catalogue and pictures, no store and no HTTP."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from PIL import Image, ImageChops

from app.jobs.request import GenerationInput, OutputInput, Start, new_job
from app.media.decoder import OpenPicture
from app.media.transforms import flat, png
from app.wires.a1111.fields import ImageToImage, TextToImage
from app.wires.a1111.samplers import scheduler_for
from app.wires.openai.models import fitted
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
    body: TextToImage, catalog: Catalog, owner: str, chosen: str | None, open_picture: OpenPicture
) -> tuple[NewJob, Mapping[Input, bytes]]:
    """The job to submit and the pictures to store for it. Raises NotFound or InvalidRequest, naming the field."""
    model = model_of(body.checkpoint or chosen, catalog)
    size = fitted(body.width, body.height, model.size)
    inputs = _pictures(body, size, open_picture) if isinstance(body, ImageToImage) else {}
    start = None
    if isinstance(body, ImageToImage):
        task = Task.INPAINT if Input.MASK in inputs else Task.IMAGE_TO_IMAGE
        start = Start(task, max(WEAKEST, body.denoising_strength))
    try:
        new = new_job(_generation(body, model, size), catalog, owner, None, start)
    except InvalidRequest as error:
        error.param = PARAMS.get(error.param or "", error.param)
        raise
    return replace(new, fingerprint=_fingerprint(body)), inputs


def model_of(name: str | None, catalog: Catalog) -> Model:
    """By its id, with or without the hash in brackets that these clients put behind a name."""
    return catalog.model(name.partition(" [")[0] if name else None)


def _generation(body: TextToImage, model: Model, size: tuple[int, int]) -> GenerationInput:
    width, height = size
    return GenerationInput.model_construct(
        prompt=body.prompt,
        negative_prompt=body.negative_prompt if model.negative_prompt else "",
        model=model.id,
        width=width,
        height=height,
        num_inference_steps=body.steps,
        guidance_scale=body.cfg_scale,
        scheduler=scheduler_for(body.sampler_name or body.sampler_index, model),
        seed=None if body.seed < 0 else body.seed % (MAX_SEED + 1),
        n=body.batch_size * body.n_iter,
        output=OutputInput(),
        metadata=LABEL,
    )


def _pictures(body: ImageToImage, size: tuple[int, int], open_picture: OpenPicture) -> dict[Input, bytes]:
    image = flat(open_picture(decoded(body.init_images[0], "init_images"), "init_images"))
    inputs = {Input.IMAGE: png(image, size)}
    if body.mask:
        mask = flat(open_picture(decoded(body.mask, "mask"), "mask")).convert("L")
        mask = mask.resize(image.size, Image.Resampling.NEAREST)
        if body.inpainting_mask_invert:
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


def _fingerprint(body: TextToImage) -> str:
    return hashlib.sha256(f"{type(body).__name__} {body.model_dump_json()}".encode()).hexdigest()
