"""The job of a call that comes with pictures: which of them is what, and the size they imply. Knows no HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from PIL import Image

from app.http.multipart import Form
from app.jobs.request import Start, new_job
from app.media.decoder import OpenPicture
from app.media.transforms import clear_part, flat, png
from app.wires.openai.fields import EditsInput, Fidelity, VariationsInput
from app.wires.openai.models import is_ours, model_for, size_for
from app.wires.openai.translation import generation_of, params_as_known
from core.catalog import Catalog
from core.errors import InvalidRequest
from core.jobs import Task
from core.results import Input
from core.store import NewJob

STRENGTHS: Final = {Fidelity.LOW: 0.8, Fidelity.HIGH: 0.5}
"""How much of the picture an edit without a mask draws anew."""

VARIATION_STRENGTH: Final = 0.6
INPAINT_STRENGTH: Final = 1.0


@dataclass(frozen=True, slots=True)
class Given:
    """What a client sent: the picture and, white on black, what of it to draw anew."""

    image: Image.Image
    mask: Image.Image | None


def given_in(form: Form, open_picture: OpenPicture) -> Given:
    """The pictures of a form. Raises InvalidRequest or PayloadTooLarge."""
    for name in ("image", "mask"):
        if name in form.fields:
            raise InvalidRequest(f"'{name}' must be sent as a file", param=name)
    surplus = next((name for name in form.files if name not in ("image", "mask")), None)
    if surplus is not None:
        raise InvalidRequest(
            f"the file '{surplus[:60]}' is not taken: this server takes 'image' and 'mask'",
            code="unsupported_value",
            param=surplus[:60],
        )
    content, mask = form.one("image"), form.one("mask")
    if content is None:
        raise InvalidRequest("'image' is required, as a file", code="missing_required_parameter", param="image")
    image = open_picture(content, "image")
    return Given(flat(image), clear_part(image) if mask is None else _mask(open_picture(mask, "mask"), image.size))


def _mask(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    if mask.size != size:
        raise InvalidRequest(
            f"'mask' has {mask.width}x{mask.height} pixels and 'image' {size[0]}x{size[1]}: both need the same size",
            param="mask",
        )
    clear = clear_part(mask)
    if clear is None:
        raise InvalidRequest(
            "'mask' must be transparent where the picture is to be drawn anew; it is opaque everywhere", param="mask"
        )
    return clear


def job_of_edit(
    body: EditsInput | VariationsInput,
    given: Given,
    catalog: Catalog,
    owner: str,
    idempotency_key: str | None,
    digests: tuple[str, ...],
) -> tuple[NewJob, Mapping[Input, bytes]]:
    """The job to submit and the pictures to store for it."""
    mask = given.mask if isinstance(body, EditsInput) else None
    task = Task.IMAGE_TO_IMAGE if mask is None else Task.INPAINT
    model = model_for(body.model, task, catalog)
    size = size_for(body.size, model, exactly=is_ours(body.model, catalog), given=given.image.size)
    start = Start(task, body.strength or strength_of(body, task))
    with params_as_known():
        new = new_job(generation_of(body, body.prompt, model, size), catalog, owner, idempotency_key, start)
    inputs = {Input.IMAGE: png(given.image, size)}
    if mask is not None:
        inputs[Input.MASK] = png(mask, size)
    return replace(new, fingerprint=body.fingerprint(*digests)), inputs


def strength_of(body: EditsInput | VariationsInput, task: Task) -> float:
    if task is Task.INPAINT:
        return INPAINT_STRENGTH
    if isinstance(body, VariationsInput):
        return VARIATION_STRENGTH
    return STRENGTHS[body.input_fidelity or Fidelity.LOW]
