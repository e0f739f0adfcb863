"""A recipe that was found in a picture, as far as this server can follow it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from app.jobs.picture_recipes.found import Found, Origin
from app.jobs.samplers import sampling_for
from core.catalog.adapter import LORAS, AdapterRow
from core.catalog.catalog import Catalog
from core.catalog.model import Model
from core.errors import InvalidRequest
from core.jobs import MAX_SEED
from core.lora_tags import bounded
from core.tasks.diffusion import MAX_GUIDANCE
from core.weighted_text import without_weights

MOST_CHARS: Final = 8000
MOST_PIXELS: Final = 1 << 16
FILES: Final = (".safetensors", ".ckpt", ".gguf", ".sft", ".pt")
HASH: Final = re.compile(r"\s*\[[0-9a-f]{6,64}\]$")


@dataclass(frozen=True, slots=True)
class ReadRecipe:
    """Fields of POST /v1/generations, and what of the picture's own recipe could not be taken over, in words."""

    origin: Origin
    fields: dict[str, Any]
    notes: tuple[str, ...]


def recipe_of(
    found: Found, catalog: Catalog, allowed: Callable[[str], bool], allowed_adapters: Callable[[str], bool]
) -> ReadRecipe:
    """`found` for a model of `catalog`: the one it names, or else the default. Everything is within what that takes."""
    notes = [*found.notes]
    model = _model(found, [each for each in catalog.drawing if allowed(each.id)], catalog, notes)
    weighted = found.weighted and model.takes_weights
    fields: dict[str, Any] = {"model": model.id, "prompt": _words(found.prompt, found, weighted=weighted)}
    if found.negative_prompt and model.negative_prompt:
        fields["negative_prompt"] = _words(found.negative_prompt, found, weighted=weighted)
    elif found.negative_prompt:
        notes.append(f"model '{model.id}' takes no negative prompt: it was left out")
    if weighted and model.prompt_syntax != "weighted":
        fields["prompt_syntax"] = "weighted"
    _measure(found, model, fields, notes)
    _sample(found, model, fields, notes)
    rows = [row for row in catalog.adapters_of(model, LORAS) if allowed_adapters(row.id)]
    _adapt(found, model, rows, fields, notes)
    if found.tiling:
        fields["tiling"] = True
    return ReadRecipe(found.origin, fields, tuple(dict.fromkeys(notes)))


def _measure(found: Found, model: Model, fields: dict[str, Any], notes: list[str]) -> None:
    """Sizes and numbers, each brought to what the model takes."""
    asked = (found.width or 0, found.height or 0)
    if all(0 < side <= MOST_PIXELS for side in asked):
        width, height = model.size.fitted(*asked)
        fields |= {"width": width, "height": height}
        if (width, height) != asked:
            notes.append(f"{asked[0]}x{asked[1]} became {width}x{height}, the nearest that '{model.id}' draws")
    if found.steps is not None:
        fields["num_inference_steps"] = steps = max(1, min(found.steps, model.max_steps))
        if steps != found.steps:
            notes.append(f"{found.steps} steps became {steps}: '{model.id}' takes 1 to {model.max_steps}")
    if found.guidance is not None:
        fields["guidance_scale"] = max(0.0, min(found.guidance, float(MAX_GUIDANCE)))
    if found.seed is not None and found.seed >= 0:
        fields["seed"] = found.seed % (MAX_SEED + 1)
        if fields["seed"] != found.seed:
            notes.append(f"seed {found.seed} became {fields['seed']}: seeds go up to {MAX_SEED} here")


def _model(found: Found, offered: list[Model], catalog: Catalog, notes: list[str]) -> Model:
    """The row that the recipe names, by its id, an alias or its file. Raises InvalidRequest if there is none at all."""
    if not offered:
        raise InvalidRequest("there is no model that you may use", code="model_not_allowed", param="model")
    wanted = _stem(found.model or "")
    for model in offered:
        if wanted and wanted in {
            model.id.casefold(),
            *(alias.casefold() for alias in model.aliases),
            _stem(model.source),
        }:
            return model
    default = next((each for each in offered if each.id == catalog.default), offered[0])
    if found.model:
        notes.append(f"this server has no model '{found.model[:80]}': '{default.id}' was taken")
    return default


def _stem(name: str) -> str:
    """A file's name without folders, ending and hash, in small letters: what tools call a model by."""
    plain = PurePosixPath(HASH.sub("", name).replace("\\", "/")).name.casefold()
    return next((plain.removesuffix(end) for end in FILES if plain.endswith(end)), plain)


def _words(text: str, found: Found, *, weighted: bool) -> str:
    plain = text if weighted or not found.weighted else without_weights(text)
    return plain.replace("\0", "")[:MOST_CHARS]


def _sample(found: Found, model: Model, fields: dict[str, Any], notes: list[str]) -> None:
    for schedule in (found.schedule, None):
        try:
            sampling = sampling_for(found.sampler, schedule, model)
        except InvalidRequest as error:
            if error.param == "noise_schedule":
                notes.append(f"there is no noise schedule '{str(schedule)[:60]}' here")
                continue
            notes.append(f"there is no sampler '{str(found.sampler)[:60]}' here: '{model.id}' draws with its own")
            return
        if found.sampler:
            fields["scheduler"] = sampling.scheduler.value
        if found.schedule and schedule:
            fields["noise_schedule"] = sampling.noise_schedule.value
        notes += sampling.notes
        return


def _adapt(found: Found, model: Model, rows: list[AdapterRow], fields: dict[str, Any], notes: list[str]) -> None:
    loras: dict[str, float] = {}
    for lora in found.loras:
        stem = _stem(lora.name)
        row = next((row for row in rows if stem in (row.id.casefold(), _stem(row.source))), None)
        if row is None:
            notes.append(f"model '{model.id}' has no LoRA '{lora.name[:64]}': it was left out")
        else:
            loras[row.id] = bounded(loras.get(row.id, 0.0) + lora.weight)
    if loras:
        fields["adapters"] = {"loras": [{"id": name, "weight": weight} for name, weight in loras.items()]}
