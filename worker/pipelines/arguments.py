"""How a request becomes the arguments of a pipeline's call: by name, as far as the pipeline takes them.

Candidates are the parameters of the task, under their own names, and the pictures it starts from, by their roles. So
a task that this package has never heard of is drawn by any pipeline that has words for what it is told.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from PIL import Image

from core.catalog.model import Model
from core.errors import JobFailure
from core.media import Guide
from core.tasks import REFERENCE, Role, task_named
from worker.contract import DrawRequest
from worker.pictures import fitted, touched
from worker.pipelines.traits import Traits

MASK: Final = "mask"

ARGUMENTS_OF_ROLES: Final = {MASK: "mask_image"}
"""Where diffusers' word for a role is not the role's own name."""

STARTED_FROM: Final = "image"
"""The argument of the picture that is drawn over; models that read pictures themselves take several there."""

NO_ARGUMENTS: Final = frozenset({"scheduler", "noise_schedule"})
"""Parameters that are part of the pipeline, not of its call."""

SPRINT_STEPS: Final = 2
"""The only number of steps for which SANA-Sprint's intermediate time (arXiv:2503.09641) is meant, and taken."""

JUST_OVER: Final = 1 + 1e-6


def call_arguments(pipeline: Any, request: DrawRequest, traits: Traits, row: Model) -> dict[str, Any]:  # noqa: ANN401 - any diffusers pipeline
    """Those that `request` has for a call of `pipeline`, without seed, callback and output type.

    Raises JobFailure where a picture is missing that the task starts from.
    """
    told = parameters_told(request)
    if not row.negative_prompt:
        told.pop("negative_prompt", None)
    arguments = taken_by(pipeline, told | pictures_given(request) | as_asked(request) | row.arguments)
    if "strength" in arguments:
        arguments["strength"] = with_a_step(arguments["strength"], request.steps)
    names = parameter_names(type(pipeline).__call__)
    if "guidance_scale" in told and "true_cfg_scale" in names and not embeds_guidance(pipeline):
        arguments = {"true_cfg_scale": told["guidance_scale"]} | arguments
    if "intermediate_timesteps" in names and request.steps != SPRINT_STEPS:
        arguments = {"intermediate_timesteps": None} | arguments
    return {name: value for name, value in arguments.items() if name not in traits.without}


def as_asked(request: DrawRequest) -> dict[str, Any]:
    """What keeps pipelines from drawing another size than the one asked for, whichever of it they have."""
    width, height = getattr(request.parameters, "width", None), getattr(request.parameters, "height", None)
    area = {"max_area": width * height} if width and height else {}
    return {**area, "_auto_resize": False, "use_resolution_binning": False}


def embeds_guidance(pipeline: Any) -> bool:  # noqa: ANN401
    """Whether the model was taught guidance as a number (distilled), so that `guidance_scale` is not the real one."""
    return bool(getattr(getattr(pipeline, "transformer", None), "config", {}).get("guidance_embeds"))


def taken_by(pipeline: Any, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    """Those of `arguments` that the call of `pipeline` has a parameter for."""
    names = parameter_names(type(pipeline).__call__)
    return {name: value for name, value in arguments.items() if name in names}


@cache
def parameter_names(function: Callable[..., Any]) -> frozenset[str]:
    """The names of its parameters, read once a function: pipelines of one class share theirs."""
    return frozenset(inspect.signature(function).parameters)


def parameters_told(request: DrawRequest) -> dict[str, Any]:
    """The fields that the task declares, but for those left open; what a record has beside them is never passed."""
    told = request.parameters
    fields = {name: getattr(told, name) for name in type(told).model_fields if name not in NO_ARGUMENTS}
    return {name: value for name, value in fields.items() if value is not None}


def pictures_given(request: DrawRequest) -> dict[str, Any]:
    """A picture for each role of the task, a list where the role may have several, in the size and mode it works in."""
    pictures: dict[str, Any] = {}
    for role in task_named(request.task).roles:
        given = [fitted(picture, role.mode, request.parameters.input_size) for picture in given_for(role, request)]
        if role.name == MASK:
            given = [touched(mask) for mask in given]
        pictures[ARGUMENTS_OF_ROLES.get(role.name, role.name)] = given if role.most > 1 else given[0]
    if unread := read_by_the_model(request):
        first = [pictures[STARTED_FROM]] if STARTED_FROM in pictures else []
        pictures[STARTED_FROM] = [*first, *unread]
    return pictures


def read_by_the_model(request: DrawRequest) -> list[Image.Image]:
    """The pictures to go by that no adapter reads."""
    guides = guides_of(request, REFERENCE.name)
    pictures = request.inputs.get(REFERENCE.name, ())
    if len(pictures) < len(guides):
        raise JobFailure("a reference picture is gone", code="input_missing")
    return [picture for picture, guide in zip(pictures, guides, strict=False) if guide.adapter is None]


def guides_of(request: DrawRequest, role: str) -> tuple[Guide, ...]:
    """How each picture of `role` is meant, in their order."""
    given = sorted((each for each in request.request.inputs if each.role == role), key=lambda each: each.index)
    return tuple(each.guide or Guide() for each in given)


def given_for(role: Role, request: DrawRequest) -> tuple[Image.Image, ...]:
    """The inputs of `role`. Raises JobFailure if there is none."""
    given = request.inputs.get(role.name)
    if not given:
        article = "an" if role.name[0] in "aeiou" else "a"
        raise JobFailure(f"the task {request.task} needs {article} {role.name}")
    return given


def with_a_step(strength: float, steps: int) -> float:
    """`strength`, or just enough for one step: pipelines run int(steps * strength) steps and break on none."""
    return strength if steps * strength >= 1 else min(1.0, JUST_OVER / steps)
