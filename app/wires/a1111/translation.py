"""A call of AUTOMATIC1111's clients as one of our requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from app.jobs.adapters import WantedLora
from app.jobs.request import JobRequest, fingerprint_of
from app.jobs.samplers import sampling_for
from app.jobs.sources import InlineFile, OpenedFile, OpenFiles, decoded
from app.wires.a1111.control_units import guides_of, units_of
from app.wires.a1111.fields import ImageToImage, TextToImage
from app.wires.a1111.labels import LABEL
from core.catalog.adapter import LORAS
from core.catalog.catalog import Catalog
from core.catalog.model import Model
from core.errors import InvalidRequest
from core.jobs import MAX_SEED
from core.lora_tags import Tag, bounded, without_tags
from core.weighted_text import without_weights

NAMES: Final = {
    "num_inference_steps": "steps",
    "guidance_scale": "cfg_scale",
    "n": "batch_size",
    "scheduler": "sampler_name",
    "noise_schedule": "scheduler",
    "strength": "denoising_strength",
    "inputs.image": "init_images",
    "inputs.mask": "mask",
}
"""What our fields are called on this wire."""


def request_of(body: TextToImage, catalog: Catalog, chosen: str | None, opening: OpenFiles) -> JobRequest:
    """What the call asks for. Raises NotFound or InvalidRequest, naming the field."""
    model = model_of(body.checkpoint or chosen, catalog)
    width, height = model.size.fitted(body.width, body.height)
    weighs = model.takes_weights
    images = body.batch_size * body.n_iter
    if images > model.max_images:
        raise InvalidRequest(
            f"batch_size {body.batch_size} x n_iter {body.n_iter} is {images}, over the {model.max_images} pictures "
            f"that model '{model.id}' draws in one call",
            param="batch_size",
        )
    sampling = sampling_for(body.sampler_name or body.sampler_index, body.scheduler, model, body.share)
    notes = sampling.notes
    if body.steps is not None and body.steps > model.max_steps:
        notes = (*notes, f"steps {body.steps} are over the {model.max_steps} of model '{model.id}', which were taken")
    prompt, tags = without_tags(body.prompt)
    loras, unknown = loras_of(tags, model, catalog)
    notes = (*notes, *unknown)
    parameters: dict[str, Any] = {
        "prompt": prompt if weighs else without_weights(prompt),
        "negative_prompt": _negative(body, model),
        "prompt_syntax": "weighted" if weighs else "plain",
        "width": width,
        "height": height,
        "num_inference_steps": body.steps and min(body.steps, model.max_steps),
        "guidance_scale": body.cfg_scale,
        "scheduler": sampling.scheduler,
        "noise_schedule": sampling.noise_schedule,
        "tiling": body.tiling,
    }
    inputs: dict[str, list[OpenedFile]] = {}
    if isinstance(body, ImageToImage):
        parameters["strength"] = body.share
        inputs = _pictures(body, opening)
    units, unheard = units_of(body.alwayson_scripts)
    guides, missed = guides_of(units, catalog, opening, body.init_images[0] if isinstance(body, ImageToImage) else None)
    notes = (*notes, *unheard, *missed)
    return JobRequest(
        model=model.id,
        parameters=parameters,
        loras=loras,
        inputs=inputs,
        guides=guides,
        seed=None if body.seed < 0 else body.seed % (MAX_SEED + 1),
        n=images,
        notes=notes,
        metadata=LABEL,
        fingerprint=fingerprint_of(type(body).__name__, body.model_dump(mode="json")),
    )


def loras_of(tags: Sequence[Tag], model: Model, catalog: Catalog) -> tuple[list[WantedLora], list[str]]:
    """What a prompt's tags ask for, each once, and what is said of those that cannot be had: there these clients' own
    server goes on without."""
    fitting = {row.id: row for row in catalog.adapters_of(model, LORAS)}
    wanted: dict[str, float] = {}
    unknown = []
    for tag in tags:
        if tag.name not in fitting:
            unknown.append(f"model '{model.id}' has no LoRA '{tag.name[:64]}': drawn without it")
            continue
        weight = fitting[tag.name].weight if tag.weight is None else tag.weight
        wanted[tag.name] = bounded(wanted.get(tag.name, 0.0) + weight)
    return [WantedLora(name, weight, "prompt") for name, weight in wanted.items()], unknown


def _negative(body: TextToImage, model: Model) -> str:
    """Let go where the model takes none, since these clients send one with every call."""
    if not model.negative_prompt:
        return ""
    return body.negative_prompt if model.takes_weights else without_weights(body.negative_prompt)


def _pictures(body: ImageToImage, opening: OpenFiles) -> dict[str, list[OpenedFile]]:
    """The mask, of any size, is white where the picture is drawn anew, or black if it is inverted."""
    image = opening.open(InlineFile(decoded(body.init_images[0], "init_images")), "init_images")
    if not body.mask:
        return {"image": [image]}
    mask = opening.open(InlineFile(decoded(body.mask, "mask")), "mask")
    return {"image": [image], "mask": [mask.read_as("grey", invert=bool(body.inpainting_mask_invert), like=image)]}


def model_of(name: str | None, catalog: Catalog) -> Model:
    """By its id or alias, with or without the hash in brackets that these clients put behind a name."""
    plain = name if name and any(name in model.aliases for model in catalog.models) else (name or "").partition(" [")[0]
    model = catalog.model(plain or None)
    if not model.draws:
        raise InvalidRequest(f"model '{model.id}' draws nothing: it is no checkpoint", param="sd_model_checkpoint")
    return model
