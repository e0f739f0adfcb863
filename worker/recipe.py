"""The recipe inside a finished file: everything that is needed to make it again, for programs and for people."""

from __future__ import annotations

import json
from typing import Final

from core.jobs import GenerationRequest

INFOTEXT: Final = (
    ("Steps", "num_inference_steps"),
    ("Sampler", "scheduler"),
    ("CFG scale", "guidance_scale"),
)
"""AUTOMATIC1111's words for parameters, in its order."""


def recipe(request: GenerationRequest, seed: int) -> str:
    """Task, model, every parameter, adapters if there are any, and the seed, as one flat JSON object in ASCII."""
    fields = request.model_dump(mode="json", include={"task", "model", "parameters", "adapters"}, exclude_none=True)
    told, adapters = fields.pop("parameters"), fields.pop("adapters")
    return json.dumps({**fields, **told, **({"adapters": adapters} if adapters else {}), "seed": seed})


def infotext(request: GenerationRequest, seed: int) -> str:
    """The recipe in the form that AUTOMATIC1111's `parameters` chunk made customary: prompts, then one line."""
    told = request.parameters.model_dump(mode="json")
    facts = [f"{word}: {shown(told[name])}" for word, name in INFOTEXT if name in told]
    facts.append(f"Seed: {seed}")
    if "width" in told and "height" in told:
        facts.append(f"Size: {told['width']}x{told['height']}")
    facts.append(f"Model: {request.model}")
    lines = [str(told.get("prompt", ""))]
    if told.get("negative_prompt"):
        lines.append(f"Negative prompt: {told['negative_prompt']}")
    return "\n".join([*lines, ", ".join(facts)])


def shown(value: object) -> str:
    """Numbers without trailing zeros."""
    return f"{value:g}" if isinstance(value, float) else str(value)
