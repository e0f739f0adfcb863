"""An OpenAI images call as one of our requests: every field's meaning here."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from app.http.multipart import only
from app.jobs.guide_fields import GuidesInput, param_of
from app.jobs.guides import WantedGuide
from app.jobs.request import JobRequest, fingerprint_of
from app.jobs.sources import InlineFile, OpenedFile, OpenFiles
from app.wires.openai.fields import (
    EditsInput,
    Fidelity,
    GenerationsInput,
    ImagesInput,
    OutputFormat,
    Quality,
    VariationsInput,
)
from app.wires.openai.models import is_ours, size_for
from core.catalog.catalog import Catalog
from core.catalog.default_aliases import model_meant
from core.catalog.model import Model
from core.errors import InvalidRequest
from core.jobs import Priority
from core.tasks import GUIDES, REFERENCE, implied_task

T = TypeVar("T", int, float)

EFFORT: Final = {Quality.LOW: 0.5, Quality.HIGH: 1.5, Quality.HD: 1.5, Quality.XHIGH: 2.0, Quality.MAX: 2.0}
"""A quality as a multiple of the model's own number of steps; those not named are 1."""

STRENGTHS: Final = {Fidelity.LOW: 0.8, Fidelity.HIGH: 0.5}
"""How much of the picture an edit without a mask draws anew."""

VARIATION_STRENGTH: Final = 0.6

NAMES: Final = {
    "width": "size",
    "height": "size",
    "num_inference_steps": "steps",
    "guidance_scale": "guidance",
    "output.quality": "output_compression",
    "output.format": "output_format",
    "inputs.image": "image",
    "inputs.mask": "mask",
}
"""What our fields are called on this wire."""


def request_of_generation(body: GenerationsInput, catalog: Catalog, opening: OpenFiles | None) -> JobRequest:
    """What the call asks for; `opening` if pictures guide it. Raises NotFound or InvalidRequest, naming the field."""
    task = implied_task(()).name
    model = model_meant(body.model, task, catalog)
    size = size_for(body.size, model, exactly=is_ours(body.model, catalog))
    guides, digests = guides_of(body.inputs, opening)
    return replace(_request(body, task, model, size, {}, {}, digests), guides=guides)


def guides_of(inputs: GuidesInput | None, opening: OpenFiles | None) -> tuple[list[WantedGuide], list[str]]:
    """The pictures that guide, and what they are, as short texts."""
    guides: list[WantedGuide] = []
    digests: list[str] = []
    if inputs is None or opening is None:
        return guides, digests
    for role in GUIDES:
        sources = inputs.guide_sources(role.name, ())
        opened = [opening.open(source, param_of(role.name, place)) for place, source in enumerate(sources)]
        guides += inputs.wanted_guides(role.name, opened)
        digests += [f"{role.name} {source.fingerprint()}" for source in sources]
    return guides, [*digests, json.dumps(inputs.told(), sort_keys=True)]


def request_of_edit(
    body: EditsInput | VariationsInput,
    files: Mapping[str, Sequence[bytes]],
    opening: OpenFiles,
    catalog: Catalog,
    digests: Sequence[str],
) -> JobRequest:
    """What a call with pictures asks for: which of them is what, and the size they imply."""
    pictures = files.get("image", ())
    image = opening.open(InlineFile(only("image", pictures[:1])), "image")
    inputs = {"image": [image]}
    if isinstance(body, EditsInput) and (mask := _mask(image, files, opening)) is not None:
        inputs["mask"] = [mask]
    task = implied_task(inputs).name
    model = model_meant(body.model, task, catalog)
    given = (image.picture.width, image.picture.height)
    size = size_for(body.size, model, exactly=is_ours(body.model, catalog), given=given)
    strength = {"strength": body.strength or _strength(body, inputs)}
    guides, told = guides_of(body.inputs, opening)
    request = _request(body, task, model, size, strength, inputs, [*digests, *told])
    return replace(request, guides=[*_references(pictures[1:], opening), *guides])


def _references(pictures: Sequence[bytes], opening: OpenFiles) -> list[WantedGuide]:
    """Pictures beside the first are what to go by."""
    return [
        WantedGuide(
            role=REFERENCE.name, opened=opening.open(InlineFile(content), "image"), param="image", any_adapter=True
        )
        for content in pictures
    ]


def _mask(image: OpenedFile, files: Mapping[str, Sequence[bytes]], opening: OpenFiles) -> OpenedFile | None:
    """What is to be drawn anew: where the mask, or without one the picture itself, is transparent."""
    if not files.get("mask"):
        return image.read_as("clear") if image.picture.is_clear else None
    mask = opening.open(InlineFile(only("mask", files["mask"])), "mask")
    seen, of = mask.picture, image.picture
    if (seen.width, seen.height) != (of.width, of.height):
        raise InvalidRequest(
            f"'mask' has {seen.width}x{seen.height} pixels and 'image' {of.width}x{of.height}: both need the same size",
            param="mask",
        )
    if not seen.is_clear:
        raise InvalidRequest(
            "'mask' must be transparent where the picture is to be drawn anew; it is opaque everywhere", param="mask"
        )
    return mask.read_as("clear")


def _strength(body: EditsInput | VariationsInput, inputs: Collection[str]) -> float | None:
    """None for the task's own, where a mask says what is drawn anew."""
    if "mask" in inputs:
        return None
    if isinstance(body, VariationsInput):
        return VARIATION_STRENGTH
    return STRENGTHS[body.input_fidelity or Fidelity.LOW]


def _request(
    body: ImagesInput,
    task: str,
    model: Model,
    size: tuple[int, int],
    parameters: Mapping[str, Any],
    inputs: Mapping[str, Sequence[OpenedFile]],
    digests: Sequence[str],
) -> JobRequest:
    steps = _one_of("steps", body.steps, "num_inference_steps", body.num_inference_steps)
    kind, quality = _format(body)
    return JobRequest(
        task=task,
        model=model.id,
        parameters={
            "prompt": body.words,
            "negative_prompt": body.negative_prompt,
            "width": size[0],
            "height": size[1],
            "num_inference_steps": steps or _steps_of(body.quality, model),
            "guidance_scale": _one_of("guidance", body.guidance, "guidance_scale", body.guidance_scale),
            "scheduler": body.scheduler,
            "noise_schedule": body.noise_schedule,
            **parameters,
        },
        loras=body.adapters.wanted() if body.adapters else (),
        lora_tags=bool(body.adapters and body.adapters.tags),
        inputs=inputs,
        seed=body.seed,
        n=body.n or 1,
        format=kind,
        quality=quality,
        webhook=body.webhook,
        priority=body.priority or Priority.NORMAL,
        expires_in=body.expires_in,
        store=body.store is not False,
        metadata=_metadata(body),
        fingerprint=fingerprint_of(
            type(body).__name__, body.model_dump(mode="json", exclude_none=True, exclude={"inputs"}), digests
        ),
    )


def _steps_of(quality: Quality | None, model: Model) -> int:
    effort = EFFORT.get(quality or Quality.AUTO, 1.0)
    return max(1, min(model.max_steps, round(model.num_inference_steps * effort)))


def _format(body: ImagesInput) -> tuple[str, int | None]:
    """The format and its quality; this wire's compression of 100 says nothing of one that is lossless."""
    kind, compression = body.output_format or OutputFormat.PNG, body.output_compression
    if compression is None or (kind is OutputFormat.PNG and compression == 100):
        return kind.value, None
    return kind.value, max(1, compression)


def _metadata(body: ImagesInput) -> dict[str, str]:
    """The client's labels, and for whom it asks."""
    user = body.safety_identifier or body.user
    return {**(body.metadata or {}), **({"user": user} if user else {})}


def _one_of(short: str, one: T | None, long: str, other: T | None) -> T | None:
    """A field that has two names."""
    if one is not None and other is not None and one != other:
        raise InvalidRequest(f"'{short}' is {one} and '{long}' is {other}, which mean the same: send one", param=short)
    return other if one is None else one
