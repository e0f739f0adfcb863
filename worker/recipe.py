"""The recipe inside a finished file: everything that is needed to make it again, for programs."""

from __future__ import annotations

import json
from typing import Any

from core.jobs import GenerationRequest
from core.media import Guide
from core.tasks import CONTROL, GUIDES


def recipe(request: GenerationRequest, seed: int) -> str:
    """Task, model, parameters, adapters and guides if there are any, and the seed, as one JSON object in ASCII.

    Parameters that go without saying are left out; `of` is the recipe of the picture that was changed without words. It
    is a body of POST /v1/generations, but for the pictures that it started from.
    """
    fields = request.model_dump(mode="json", include={"task", "model", "parameters", "adapters"}, exclude_none=True)
    told, adapters = fields.pop("parameters"), fields.pop("adapters")
    for name in request.parameters.unsaid & told.keys():
        if told[name] == type(request.parameters).model_fields[name].default:
            del told[name]
    loras = {"adapters": {"loras": adapters}} if adapters else {}
    guides = {
        role.name: [
            guide_told(each.guide, role.name) for each in request.inputs if each.role == role.name and each.guide
        ]
        for role in GUIDES
    }
    inputs = {role: told for role, told in guides.items() if told}
    origin = request.origin
    of = {"of": json.loads(recipe(origin, origin.seeds[0]))} if origin is not None else {}
    return json.dumps({**fields, **told, **loras, **({"inputs": inputs} if inputs else {}), "seed": seed, **of})


def guide_told(guide: Guide, role: str) -> dict[str, Any]:
    """What a request says of a picture in that role."""
    told = guide.model_dump(mode="json", exclude_none=True, exclude={"weight"})
    if role == CONTROL.name:
        return {**told, "scale": guide.weight}
    return {"weight": guide.weight, **({"adapter": guide.adapter} if guide.adapter else {})}
