"""A pipeline whose pictures are guided by ControlNets or T2I-Adapters: its class, and the arguments of its call."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import diffusers
from diffusers import ControlNetUnionModel, T2IAdapter
from PIL import Image

from core.errors import JobFailure
from core.media import Guide
from core.tasks import task_named
from worker.contract import DrawRequest
from worker.pictures import fitted
from worker.pipelines.arguments import parameter_names, taken_by
from worker.pipelines.control_nets import ControlNet

ENDINGS: Final = {
    frozenset[str](): ("",),
    frozenset({"image"}): ("Img2Img", "ImageToImage"),
    frozenset({"image", "mask"}): ("Inpaint", "Inpainting"),
}
"""What stands before `Pipeline` in the names of diffusers' classes, by the roles of what a task starts from."""

STEM: Final = re.compile(r"(Img2Img|ImageToImage|Inpaint|Inpainting)?Pipeline$")

Controls = tuple[tuple[ControlNet, Guide], ...]
"""In the order of the pictures of the role `control`, each with how it is meant."""


def controlled_kind(pipeline: type, task: str, controls: Controls) -> type:
    """The class of diffusers that does `task` as `pipeline` does, with these. Raises JobFailure if there is none."""
    kinds = {marker_of(net) for net, _ in controls}
    if len(kinds) > 1:
        raise JobFailure(
            "ControlNets, union ControlNets and T2I-Adapters cannot guide one picture together: take those of one kind",
            code="adapter_not_fitting",
        )
    (marker,) = kinds
    stem = STEM.sub("", pipeline.__name__)
    roles = frozenset(role.name for role in task_named(task).roles)
    for ending in ENDINGS.get(roles, ()):
        found: Any = getattr(diffusers, f"{stem}{marker}{ending}Pipeline", None)
        if isinstance(found, type):
            return found
    named = ", ".join(f"'{net.row.id}'" for net, _ in controls)
    raise JobFailure(
        f"{task} of a {stem} model cannot be guided by {named}: diffusers has no pipeline for that",
        code="task_not_supported",
    )


def marker_of(net: ControlNet) -> str:
    """What stands in the names of diffusers' classes for its kind."""
    if isinstance(net.module, T2IAdapter):
        return "Adapter"
    return "ControlNetUnion" if isinstance(net.module, ControlNetUnionModel) else "ControlNet"


def component_of(controls: Controls) -> dict[str, Any]:
    """The component that the class takes, by its name; of one net for several kinds of control, once."""
    modules = [net.module for net, _ in controls]
    name = controls[0][0].component
    once = controls[0][0].is_union and all(module is modules[0] for module in modules)
    if isinstance(modules[0], ControlNetUnionModel):
        if not once:
            raise JobFailure("several union ControlNets cannot guide one picture", code="adapter_not_fitting")
        return {name: modules[0]}
    if len(modules) == 1:
        return {name: modules[0]}
    return {name: modules[:1] if once else modules}


def control_arguments(pipeline: Any, request: DrawRequest, controls: Controls) -> dict[str, Any]:  # noqa: ANN401
    """What the call of `pipeline` is told of them. Raises JobFailure for a mode that a net has not."""
    names = parameter_names(type(pipeline).__call__)
    pictures = [fitted(each, "RGB", request.parameters.input_size) for each in request.inputs.get("control", ())]
    if len(pictures) != len(controls):
        raise JobFailure("a control picture is gone", code="input_missing")
    guides = [guide for _, guide in controls]
    union = isinstance(controls[0][0].module, ControlNetUnionModel)
    several = union or len(controls) > 1
    if isinstance(controls[0][0].module, T2IAdapter):
        check_sizes(request, controls)
        factor = min(guide.end for guide in guides)
        shown = [in_mode(picture, net) for picture, (net, _) in zip(pictures, controls, strict=True)]
        shared = {
            "image": shown if several else shown[0],
            "adapter_conditioning_scale": listed([guide.weight for guide in guides], several=several),
            "adapter_conditioning_factor": factor,  # which that for Stable Diffusion 1 has not
        }
        return taken_by(pipeline, shared)
    told: dict[str, Any] = {
        "control_image" if "control_image" in names else "image": pictures if several else pictures[0],
        "controlnet_conditioning_scale": listed([guide.weight for guide in guides], several=several),
        "control_guidance_start": listed([guide.start for guide in guides], several=several),
        "control_guidance_end": listed([guide.end for guide in guides], several=several),
    }
    # FLUX's pipelines that start from a picture need one of each net, be it none.
    if "control_mode" in names and (several or controls[0][0].is_union):
        told["control_mode"] = listed([mode_of(net, guide) for net, guide in controls], several=several)
    return told


def check_sizes(request: DrawRequest, controls: Controls) -> None:
    """Raise JobFailure for a size that a T2I-Adapter cannot read."""
    size = request.parameters.input_size or (0, 0)
    for net, _ in controls:
        grid = net.module.downscale_factor
        if any(side % grid for side in size):
            raise JobFailure(
                f"'{net.row.id}' reads sides that are multiples of {grid}, and {size[0]}x{size[1]} is asked for",
                code="adapter_not_fitting",
            )


def unheeded(pipeline: Any, controls: Controls) -> list[str]:  # noqa: ANN401 - any diffusers pipeline
    """What is said of shares of the denoising that T2I-Adapters do not heed."""
    names = parameter_names(type(pipeline).__call__)
    notes = []
    for net, guide in controls:
        if isinstance(net.module, T2IAdapter):
            ends = guide.end < 1 and "adapter_conditioning_factor" not in names
            if guide.start > 0 or ends:
                notes.append(f"'{net.row.id}' is a T2I-Adapter: it guides from the first step{' to the last' * ends}")
    return notes


def listed(values: Sequence[Any], *, several: bool) -> Any:  # noqa: ANN401
    """All of them, or the only one by itself."""
    return list(values) if several else values[0]


def in_mode(picture: Image.Image, net: ControlNet) -> Image.Image:
    """In grey for an adapter that takes one channel."""
    return picture.convert("L") if net.module.config.get("in_channels") == 1 else picture


def mode_of(net: ControlNet, guide: Guide) -> int | None:
    """The number of the kind of control that is meant; None for a net that does but one."""
    if not net.is_union:
        return None
    known = net.row.modes
    if guide.mode is None or guide.mode not in known:
        offered = ", ".join(known) or "none: its row has no `modes`"
        raise JobFailure(
            f"'{net.row.id}' does several kinds of control and must be told which (mode): it has {offered}",
            code="adapter_not_fitting",
        )
    return known[guide.mode]
