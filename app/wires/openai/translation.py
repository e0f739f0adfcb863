"""An OpenAI images call as one of our jobs: every field's meaning here. Knows the catalogue, no store and no HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, TypeVar

from app.jobs.request import GenerationInput, OutputInput, new_job
from app.wires.openai.fields import GenerationsInput, ImagesInput, Quality
from app.wires.openai.models import is_ours, model_for, size_for
from core.catalog import Catalog, Model
from core.errors import InvalidRequest
from core.jobs import ImageFormat, Priority, Task
from core.store import NewJob

T = TypeVar("T", int, float)

EFFORT: Final = {Quality.LOW: 0.5, Quality.HIGH: 1.5, Quality.HD: 1.5, Quality.XHIGH: 2.0, Quality.MAX: 2.0}
"""A quality as a multiple of the model's own number of steps; those not named are 1."""

PARAMS: Final = {
    "width": "size",
    "height": "size",
    "num_inference_steps": "steps",
    "guidance_scale": "guidance",
    "output.quality": "output_compression",
}
"""What our fields are called on this wire."""


def job_of_generation(body: GenerationsInput, catalog: Catalog, owner: str, idempotency_key: str | None) -> NewJob:
    """The job to submit. Raises NotFound or InvalidRequest, naming the field as the client knows it."""
    model = model_for(body.model, Task.TEXT_TO_IMAGE, catalog)
    size = size_for(body.size, model, exactly=is_ours(body.model, catalog))
    with params_as_known():
        new = new_job(generation_of(body, body.prompt, model, size), catalog, owner, idempotency_key)
    return replace(new, fingerprint=body.fingerprint())


@contextmanager
def params_as_known() -> Iterator[None]:
    """Whatever is refused inside is named as the client knows it."""
    try:
        yield
    except InvalidRequest as error:
        error.param = PARAMS.get(error.param or "", error.param)
        raise


def generation_of(body: ImagesInput, prompt: str, model: Model, size: tuple[int, int]) -> GenerationInput:
    width, height = size
    steps = _one_of("steps", body.steps, "num_inference_steps", body.num_inference_steps)
    return GenerationInput.model_construct(
        prompt=prompt,
        negative_prompt=body.negative_prompt,
        model=model.id,
        width=width,
        height=height,
        num_inference_steps=steps or steps_of(body.quality, model),
        guidance_scale=_one_of("guidance", body.guidance, "guidance_scale", body.guidance_scale),
        scheduler=body.scheduler,
        seed=body.seed,
        n=body.n or 1,
        output=output_of(body),
        webhook=body.webhook,
        priority=body.priority or Priority.NORMAL,
        expires_in=body.expires_in,
        store=body.store is not False,
        metadata=metadata_of(body),
    )


def steps_of(quality: Quality | None, model: Model) -> int:
    effort = EFFORT.get(quality or Quality.AUTO, 1.0)
    return max(1, min(model.max_steps, round(model.num_inference_steps * effort)))


def output_of(body: ImagesInput) -> OutputInput:
    kind, compression = body.output_format or ImageFormat.PNG, body.output_compression
    if kind is ImageFormat.PNG:
        if compression not in (None, 100):
            raise InvalidRequest(
                f"'output_compression' {compression} does not fit output_format 'png', which is lossless: "
                "leave it out, or ask for 'jpeg' or 'webp'",
                param="output_compression",
            )
        compression = None
    return OutputInput(format=kind, quality=None if compression is None else max(1, compression))


def metadata_of(body: ImagesInput) -> dict[str, str]:
    """The client's labels, and for whom it asks."""
    user = body.safety_identifier or body.user
    return {**(body.metadata or {}), **({"user": user} if user else {})}


def _one_of(short: str, one: T | None, long: str, other: T | None) -> T | None:
    """A field that has two names."""
    if one is not None and other is not None and one != other:
        raise InvalidRequest(f"'{short}' is {one} and '{long}' is {other}, which mean the same: send one", param=short)
    return other if one is None else one
