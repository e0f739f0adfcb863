"""The schema of a generation's body, narrowed to what some model of this server takes."""

from __future__ import annotations

from math import gcd
from typing import Any, Final

from core.catalog.adapter import FOR_CONTROL, FOR_REFERENCES
from core.catalog.catalog import Catalog
from core.tasks import GUIDES, Task, all_tasks, starting_roles

EXAMPLES: Final[list[dict[str, Any]]] = [
    {"prompt": "a red apple"},
    {
        "prompt": "a blue car",
        "seed": 7,
        "n": 2,
        "output": {"format": "webp", "quality": 90},
        "metadata": {"user": "42"},
    },
]

FROM_A_PICTURE: Final[dict[str, Any]] = {
    "prompt": "a green pear",
    "inputs": {"image": {"generation": "gen_129470bd720493e23467c2043315c9d5a80a0c08", "index": 0}},
    "strength": 0.6,
}


def bound_by_catalog(schema: dict[str, Any], catalog: Catalog) -> None:
    """Narrow the fields whose bounds the models decide, and say for each task what it needs and what it takes."""
    fields, models = schema["properties"], catalog.drawing
    schema["examples"] = EXAMPLES
    offered = [task for task in all_tasks().values() if any(task.fits(model) for model in catalog.models)]
    schema["anyOf"] = [task_schema(task) for task in offered]
    _narrow(fields["task"], enum=[task.name for task in offered])
    _narrow(fields["model"], enum=[model.id for model in catalog.models], default=catalog.default)
    size = {
        "minimum": min(model.size.nearest(0) for model in models),
        "maximum": max(model.size.nearest(1 << 20) for model in models),
        "multipleOf": gcd(*(model.size.multiple for model in models)),
    }
    _narrow(fields["width"], **size)
    _narrow(fields["height"], **size)
    _narrow(fields["num_inference_steps"], maximum=max(model.max_steps for model in models))
    schedulers = {scheduler.value for model in models for scheduler in model.schedulers}
    _narrow(fields["scheduler"], enum=sorted(schedulers))
    schedules = {each.value for model in models for some in model.noise_schedules.values() for each in some}
    _narrow(fields["noise_schedule"], enum=sorted(schedules))
    styles = sorted({style for model in models for style in model.styles})
    if styles:
        _narrow(fields["style"], enum=styles)
    else:
        del fields["style"]
    fields["n"]["maximum"] = max(model.max_images for model in models)


def guides_bound_by_catalog(schema: dict[str, Any], catalog: Catalog) -> None:
    """Say which adapters may be named, where pictures guide; none may come where nothing reads them."""
    reads = any(model.references for model in catalog.models)
    for role, kinds, unnamed in (("control", FOR_CONTROL, False), ("reference", FOR_REFERENCES, reads)):
        if not unnamed and not any(adapter.kind in kinds for adapter in catalog.adapters):
            schema["properties"][role]["maxItems"] = 0


def task_schema(task: Task) -> dict[str, Any]:
    """What a body of `task` must have and what it must leave out."""
    own = task.parameters.model_fields
    foreign = {name for other in all_tasks().values() for name in other.parameters.model_fields} - own.keys()
    needed = [name for name, info in own.items() if info.is_required() and info.annotation is str]
    starts = [role.name for role in task.roles]
    foreign_roles = [name for name in starting_roles() if name not in starts]
    none, some = {"type": "null"}, {"not": {"type": "null"}}
    inputs: dict[str, Any] = {
        "properties": {**dict.fromkeys(foreign_roles, none), **dict.fromkeys(starts, some)},
        "required": starts,
    }
    inputs["properties"] |= {role.name: {"maxItems": 0} for role in GUIDES if role not in task.guides}
    return {
        "title": task.name,
        "description": task.title,
        "required": [*needed, *(["inputs"] if starts else []), *([] if task.implied else ["task"])],
        "properties": {
            "task": {"enum": [task.name, *([None] if task.implied else [])]},
            "inputs": inputs,
            **{name: {"type": "string"} for name in needed},
            **{name: {"type": "null"} for name in sorted(foreign)},
        },
    }


def _narrow(field: dict[str, Any], **bounds: object) -> None:
    """Put `bounds` on the part of an optional field that is not null."""
    part = field["anyOf"][0]
    if "$ref" in part:
        part = field["anyOf"][0] = {"type": "string"}
    part.update(bounds)
