"""Jobs as they were written before they were typed tasks: their flat request and their images, as they are read now."""

from __future__ import annotations

from typing import Any, Final

from core.tasks import all_tasks

PARAMETERS: Final = (
    "prompt",
    "negative_prompt",
    "width",
    "height",
    "num_inference_steps",
    "guidance_scale",
    "scheduler",
    "strength",
)


def upgraded_request(job_id: str, request: dict[str, Any]) -> dict[str, Any]:
    """A request of schema 1 in the shape of today's; what the job started from lay under names without a number."""
    task = request["task"]
    known = all_tasks().get(task)
    facts = {"width": request["width"], "height": request["height"]}
    inputs = [
        {
            "role": role.name,
            "key": f"{job_id}/input/{role.name}.png",
            "medium": "image/png",
            "size_bytes": 0,
            "facts": facts,
        }
        for role in (known.roles if known else ())
    ]
    return {
        "task": task,
        "model": request["model"],
        "parameters": {name: request[name] for name in PARAMETERS if request.get(name) is not None},
        "inputs": inputs,
        "seeds": request["seeds"],
        "output": request["output"],
    }


def upgraded_output(image: dict[str, Any]) -> dict[str, Any]:
    """An image of schema 1 as an artifact."""
    return {
        **{name: image[name] for name in ("index", "key", "seed", "size_bytes")},
        "medium": f"image/{image['format']}",
        "facts": {"width": image["width"], "height": image["height"]},
    }
