"""What a pipeline's folder says of itself: class, tasks, sampler, sizes, and which of them a call can be told."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import diffusers
from diffusers import DiffusionPipeline
from diffusers.pipelines.auto_pipeline import (
    AUTO_IMAGE2IMAGE_PIPELINES_MAPPING,
    AUTO_INPAINT_PIPELINES_MAPPING,
    AUTO_TEXT2IMAGE_PIPELINES_MAPPING,
    _get_task_class,
)

from core.catalog.families import INDEX, family_of
from core.errors import InvalidRequest, JobFailure
from worker.inspection.card import card_of
from worker.pipelines.families import leaves_half, traits_of
from worker.pipelines.loaded_model import is_pipeline
from worker.pipelines.weights import check_weights

AUTO: Final[Mapping[str, Any]] = {
    "text-to-image": AUTO_TEXT2IMAGE_PIPELINES_MAPPING,
    "image-to-image": AUTO_IMAGE2IMAGE_PIPELINES_MAPPING,
    "inpaint": AUTO_INPAINT_PIPELINES_MAPPING,
}
"""diffusers' own tables of which class does a task with the components of another."""

LIBRARIES: Final = frozenset({"diffusers", "transformers"})
"""Where components may come from. Some of diffusers' own are named by the folder of their pipeline instead."""

DENOISERS: Final = ("transformer", "unet", "prior", "transformer_2")

EDITORS: Final = ("Pix2Pix", "Edit", "Upscale")
"""Words in the names of classes whose calls take a picture, need it, and yet say None is what it is by default."""

OTHER_MEDIA: Final = ("num_frames", "video_length", "audio_length_in_s", "audio_duration")
"""Parameters of calls that draw no picture."""


def describe(folder: Path, pipeline: str | None = None) -> dict[str, Any]:
    """The facts of the pipeline in `folder`; `pipeline` names its class where it is not the one that the folder names.

    Raises InvalidRequest for what is no pipeline that Easel can draw with, in words.
    """
    index = read_index(folder)
    kind = class_of(index, pipeline)
    components = {name: config_of(folder, name) for name in index if is_component(index[name])}
    try:
        check_weights(folder)
    except JobFailure as error:
        raise InvalidRequest(error.message) from error
    parameters = inspect.signature(kind.__call__).parameters
    return {
        "pipeline": kind.__name__,
        "family": family_of(kind.__name__),
        "tasks": tasks_of(kind, index, components),
        "parameters": list(parameters),
        "defaults": {
            name: parameter.default
            for name, parameter in parameters.items()
            if isinstance(parameter.default, (int, float)) and not isinstance(parameter.default, bool)
        },
        "index": {name: value for name, value in index.items() if isinstance(value, (bool, int, float, str))},
        "scheduler": components.get("scheduler", {}),
        "vae": components.get("vae") or components.get("vqvae") or components.get("movq") or {},
        "denoiser": denoiser_of(components),
        "half_overflows": leaves_half(family_of(kind.__name__), index),
        "card": card_of(folder),
    }


def read_index(folder: Path) -> dict[str, Any]:
    """The folder's model_index.json. Raises InvalidRequest where there is none, or it cannot be read."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidRequest(f"{folder} has no {INDEX}, which every diffusers pipeline has") from error
    except ValueError as error:
        raise InvalidRequest(f"{folder / INDEX} is no JSON: {error}") from error
    if not isinstance(index, dict) or "_class_name" not in index:
        raise InvalidRequest(f"{folder / INDEX} names no pipeline class (_class_name)")
    return index


def class_of(index: Mapping[str, Any], named: str | None) -> Any:  # noqa: ANN401 - diffusers' classes share a base only by name
    """The pipeline class, out of diffusers alone. Raises InvalidRequest for code in the folder, and for other media."""
    name = named or index["_class_name"]
    if not isinstance(name, str):
        module = name[0] if isinstance(name, list) and name else name
        raise InvalidRequest(f"{INDEX} names code of its own ('{module}'): Easel runs no code from a model's folder")
    kind: Any = getattr(diffusers, name, None)
    if not is_pipeline(kind):
        raise InvalidRequest(
            f"'{name}' is no pipeline of diffusers {diffusers.__version__}: it may be newer than that, or code of the "
            "model's own, which Easel does not run"
        )
    for component, value in index.items():
        if is_component(value) and not is_stock(value[0]):
            raise InvalidRequest(
                f"the component '{component}' comes from '{value[0]}', which is code of the model's own: "
                "Easel runs no code from a model's folder"
            )
    parameters = inspect.signature(kind.__call__).parameters
    if other := next((each for each in OTHER_MEDIA if each in parameters), None):
        raise InvalidRequest(f"'{name}' takes {other}: it makes no pictures, and Easel draws pictures only")
    if "prompt" not in parameters:
        raise InvalidRequest(f"'{name}' takes no prompt: Easel draws from words")
    return kind


def is_component(value: Any) -> bool:  # noqa: ANN401 - out of a JSON file
    """Whether an entry of the index is a component that is there: `[library, class]`."""
    return isinstance(value, list) and len(value) == 2 and value[0] is not None


def is_stock(library: str) -> bool:
    """Whether components of `library` are code that came with Easel's own packages."""
    top = str(library).partition(".")[0]
    return top in LIBRARIES or hasattr(diffusers.pipelines, str(library))


def config_of(folder: Path, component: str) -> dict[str, Any]:
    """The component's configuration as it lies in the folder; empty where it has none."""
    for name in ("config.json", "scheduler_config.json"):
        try:
            found = json.loads((folder / component / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        return found if isinstance(found, dict) else {}
    return {}


def denoiser_of(components: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The configuration of what denoises."""
    return next((components[name] for name in DENOISERS if components.get(name)), {})


def tasks_of(kind: type[DiffusionPipeline], index: Mapping[str, Any], components: Mapping[str, Any]) -> list[str]:
    """The tasks of core/tasks that the class does, those it was made for first.

    Others are done by another class with the same components (diffusers' Auto tables), unless the denoiser takes
    channels of a picture and a mask, the model is a refiner, or a component that the other class needs is not there.
    """
    own = own_tasks(kind)
    if takes_pictures_in_latents(components) or index.get("requires_aesthetics_score"):
        return own
    traits = traits_of(family_of(kind.__name__))
    others = []
    for task, table in AUTO.items():
        found = traits.pipeline_for(task)
        other: Any = found
        if not is_pipeline(found):
            other = _get_task_class(table, kind.__name__, throw_error_if_not_exist=False)
        if task in own or found is None or other is None or not has_components(other, index):
            continue
        others.append(task)
    return [*own, *others]


def own_tasks(kind: type[DiffusionPipeline]) -> list[str]:
    """What the call's own parameters tell of the class."""
    parameters = inspect.signature(kind.__call__).parameters
    picture = parameters.get("image")
    if picture is None:
        return ["text-to-image"]
    if "mask_image" in parameters:
        return ["inpaint"]
    needed = picture.default is picture.empty or "strength" in parameters
    if needed or any(word in kind.__name__ for word in EDITORS):
        return ["image-to-image"]
    return ["text-to-image", "image-to-image"]


def takes_pictures_in_latents(components: Mapping[str, Any]) -> bool:
    """Whether a UNet has more input channels than output channels: inpainting, depth, InstructPix2Pix."""
    unet = components.get("unet") or {}
    return int(unet.get("in_channels") or 0) > int(unet.get("out_channels") or 1 << 20)


def has_components(kind: type[DiffusionPipeline], index: Mapping[str, Any]) -> bool:
    """Whether the folder has all that the constructor of `kind` needs."""
    optional = set(getattr(kind, "_optional_components", ()))
    wanted = inspect.signature(kind.__init__).parameters.values()
    needed = [each.name for each in wanted if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD]
    return all(name == "self" or name in optional or is_component(index.get(name)) for name in needed)
