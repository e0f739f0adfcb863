"""The recipe inside a finished file: everything that is needed to make it again, for programs."""

from __future__ import annotations

import json

from core.jobs import GenerationRequest


def recipe(request: GenerationRequest, seed: int) -> str:
    """Task, model, every parameter, adapters if there are any, and the seed, as one flat JSON object in ASCII.

    It is a body of POST /v1/generations.
    """
    fields = request.model_dump(mode="json", include={"task", "model", "parameters", "adapters"}, exclude_none=True)
    told, adapters = fields.pop("parameters"), fields.pop("adapters")
    return json.dumps({**fields, **told, **({"adapters": {"loras": adapters}} if adapters else {}), "seed": seed})
