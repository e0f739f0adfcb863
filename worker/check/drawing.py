"""Loads a model and draws two steps of two seeds with it, or has it do its task where it draws nothing."""

from __future__ import annotations

import resource
import sys
import time
import traceback
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import torch
from PIL import Image

from core.catalog.catalog import Catalog
from core.catalog.model import Model
from core.errors import EaselError
from core.jobs import GenerationRequest
from core.media import Facts
from core.settings import Settings
from core.tasks import task_named
from worker.check.faults import FLAT, faults_of
from worker.check.few_steps import few_step_notes
from worker.check.hearing import warned
from worker.check.networks import put_to_work
from worker.contract import DrawRequest, Inputs
from worker.pipelines import loras
from worker.pipelines.call import PipelineCall
from worker.pipelines.devices import device_named
from worker.pipelines.load_faults import LOG
from worker.pipelines.loaded_model import LoadedModel
from worker.pipelines.loading import load, quiet_libraries
from worker.pipelines.memory import MemoryOptions
from worker.pipelines.schedulers import unknown_settings

STEPS: Final = 2
SEEDS: Final = (1, 2)
PROMPT: Final = "a red apple on a wooden table"


def check_model(
    catalog: Catalog, model_id: str, settings: Settings, *, size: tuple[int, int] | None, save: Path | None
) -> dict[str, Any]:
    """Measures, and `faults` in words; empty if all is well. Raises NotFound for a model that is not there."""
    row = catalog.model(model_id)
    device = device_named(settings.device)
    told: dict[str, Any] = {"model": row.id, "device": str(device), "faults": [], "notes": []}
    try:
        model = loaded(catalog, row, settings, device, told)
        if not row.draws:
            keep(put_to_work(model, size, told), save, told)
            told["memory_bytes"] = memory_taken(device)
            return told
        told["notes"] += [*unused_settings(row, model), *few_step_notes(row, catalog.local_path, model.pipeline)]
        pictures = drawn(model, requests_of(row, size), told)
    except Exception as error:  # whatever a pipeline raises is what was looked for
        told["faults"].append(reason_of(error))
        return told
    told["memory_bytes"] = memory_taken(device)
    told["size"] = [pictures[0].shape[1], pictures[0].shape[0]]
    told["faults"] += faults_of(pictures, size_asked(row, size))
    keep(Image.fromarray(pictures[0].numpy()), save, told)
    return told


def keep(picture: Image.Image | None, save: Path | None, told: dict[str, Any]) -> None:
    """Write the picture where it is wanted; JPEG has no transparency."""
    if picture is None or save is None:
        return
    (picture.convert("RGB") if save.suffix.lower() in (".jpg", ".jpeg") else picture).save(save)
    told["saved"] = str(save)


def loaded(catalog: Catalog, row: Model, settings: Settings, device: torch.device, told: dict[str, Any]) -> LoadedModel:
    """The model, as a worker has it; the seconds are told."""
    quiet_libraries()
    started = time.monotonic()
    options = MemoryOptions(
        dtype=settings.dtype,
        attention_slicing=settings.attention_slicing,
        vae_slicing=settings.vae_slicing,
        vae_tiling=settings.vae_tiling,
    )
    with warned(loras.__name__) as warnings:
        model = load(row, catalog.local_path, device, options, allow_downloads=settings.allow_downloads)
    told["notes"] += warnings
    told["load_seconds"] = time.monotonic() - started
    return model


def unused_settings(row: Model, model: LoadedModel) -> list[str]:
    """In words, which of the row's settings for samplers do nothing, such as misspelt ones."""
    unknown = unknown_settings(row.scheduler_config, getattr(model.pipeline, "scheduler", None))
    return [f"scheduler_config: no sampler has a setting '{key}', so it does nothing" for key in unknown]


def drawn(model: LoadedModel, requests: list[DrawRequest], told: dict[str, Any]) -> list[torch.Tensor]:
    """Pictures as uint8 [height, width, 3] on the CPU; the seconds of a step are told."""
    pictures, moments = [], list[float]()
    with torch.inference_mode():
        for request in requests:
            call = PipelineCall(model, request)
            started = time.monotonic()
            pictures.append(call.run(lambda step, steps, latents: moments.append(time.monotonic())))
    steps = [after - before for before, after in pairwise(moments)]
    # Where a pipeline tells of no steps, the decoding counts as well.
    told["step_seconds"] = min(steps, default=(time.monotonic() - started) / STEPS)
    return pictures


def requests_of(row: Model, size: tuple[int, int] | None) -> list[DrawRequest]:
    """One a seed, of the first task that the model does, from a picture of our own where it starts from one."""
    task = task_named(row.tasks[0])
    width, height = size_asked(row, size)
    inputs: Inputs = {role.name: (start_picture(role.mode, width, height),) for role in task.roles}
    facts: dict[str, list[Facts]] = {name: [{"width": width, "height": height}] for name in inputs}
    told = {**task.parameters.defaults(row, facts), "width": width, "height": height, "num_inference_steps": STEPS}
    parameters = task.parameters.model_validate({**told, "prompt": PROMPT})
    request = GenerationRequest(model=row.id, task=task.name, parameters=parameters, seeds=SEEDS)
    return [DrawRequest(request=request, seed=seed, inputs=inputs) for seed in SEEDS]


def size_asked(row: Model, size: tuple[int, int] | None) -> tuple[int, int]:
    """What the row draws where nothing is said."""
    return size or (row.size.width, row.size.height)


def start_picture(mode: str, width: int, height: int) -> Image.Image:
    """A slope of colours, or a mask of the middle."""
    if mode == "L":
        mask = Image.new("L", (width, height), 0)
        mask.paste(255, (width // 4, height // 4, 3 * width // 4, 3 * height // 4))
        return mask
    return Image.linear_gradient("L").resize((width, height)).convert("RGB")


def memory_taken(device: torch.device) -> int:
    """The most that this process held, in bytes: of the device, or of the machine."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def reason_of(error: Exception) -> str:
    """What went wrong, in words; where there are none, the traceback goes to standard error."""
    if isinstance(error, torch.OutOfMemoryError):
        return 'it does not fit the memory of the device: dtype = "float16", a smaller size, or a smaller model'
    if isinstance(error, EaselError):
        if LOG in error.message:
            traceback.print_exception(error.__cause__)
        said = error.message.replace(LOG, "the traceback above says more")
        return f"{said}: {FLAT}" if error.code == "nan_output" else said
    traceback.print_exception(error)
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:500]
