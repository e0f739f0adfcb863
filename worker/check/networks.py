"""Has a model that draws nothing do its task with a picture of our own, and looks at what comes of it."""

from __future__ import annotations

import time
from typing import Any, Final

import numpy as np
import torch
from PIL import Image, ImageDraw

from core.catalog.model import Model
from core.jobs import GenerationRequest
from core.media import Facts
from core.tasks import task_named
from core.tasks.upscale import enlarged
from worker.check.faults import FLAT_SPREAD
from worker.contract import DrawRequest
from worker.pipelines.calls import call_of
from worker.pipelines.loaded_model import LoadedModel

SIDE: Final = 128

FAR: Final = 32
"""Mean difference, in steps of 0..255, of a picture and its enlargement made as small again, from which on it is
another picture: what networks make of ours differs by a tenth of it."""


def put_to_work(model: LoadedModel, size: tuple[int, int] | None, told: dict[str, Any]) -> Image.Image | None:
    """What it makes of a picture of `size`, if that is one. `made` and `faults` in words, and seconds, are told."""
    given = picture(*(size or (SIDE, SIDE)))
    request = request_of(model.row, given)
    started = time.monotonic()
    with torch.inference_mode():
        made = call_of(model, request).run(lambda step, steps, latents: None)
    told["step_seconds"] = time.monotonic() - started
    if isinstance(made, str):
        told["made"] = f"words: {made}"
        told["faults"] += [] if made.strip() else ["it has no words for a picture"]
        return None
    told["size"] = [made.shape[1], made.shape[0]]
    told["made"] = f"{made.shape[1]}x{made.shape[0]} of {given.width}x{given.height}"
    told["faults"] += faults_of(made, given, request)
    return Image.fromarray(made.numpy())


def picture(width: int, height: int) -> Image.Image:
    """A disc on a slope of grey: something to enlarge, cut out or describe."""
    drawn = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    box = (width // 4, height // 4, 3 * width // 4, 3 * height // 4)
    ImageDraw.Draw(drawn).ellipse(box, fill=(200, 40, 40))
    return drawn


def request_of(row: Model, given: Image.Image) -> DrawRequest:
    """Its first task, as it does it where nothing is said."""
    task = task_named(row.tasks[0])
    facts: dict[str, list[Facts]] = {"image": [{"width": given.width, "height": given.height}]}
    parameters = task.parameters.model_validate(task.parameters.defaults(row, facts))
    request = GenerationRequest(model=row.id, task=task.name, parameters=parameters, seeds=(1,))
    return DrawRequest(request=request, seed=1, inputs={"image": (given,)})


def faults_of(made: torch.Tensor, given: Image.Image, request: DrawRequest) -> list[str]:
    """In words, what is wrong with a picture made of `given`, uint8 [height, width, 3 or 4]."""
    height, width = made.shape[:2]
    wanted = enlarged(*given.size, float(getattr(request.parameters, "scale", 1.0)))
    found = [] if (width, height) == wanted else [f"it is {width}x{height}, and {wanted[0]}x{wanted[1]} was asked for"]
    colours = made[..., :3]
    if float(colours.float().std()) < FLAT_SPREAD:
        found.append("the picture is flat: the weights do not belong to such a network, or are broken")
    elif request.task == "upscale":
        small = Image.fromarray(colours.contiguous().numpy()).resize(given.size, Image.Resampling.BOX)
        apart = float(np.abs(np.asarray(small, np.float32) - np.asarray(given, np.float32)).mean())
        if apart > FAR:
            found.append(
                f"it is another picture, not a larger one, by {apart:.0f} of 255 in the mean: the weights are broken, "
                "or of a network that wants its colours in another order"
            )
    if made.shape[2] == 4 and int(made[..., 3].max()) == 0:
        found.append("all of the picture is cut away")
    return found
