"""What engine tests share: requests with defaults, draining an engine, and the same request by plain diffusers."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import hypothesis.strategies as st
import numpy as np
import torch
from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting, AutoPipelineForText2Image
from PIL import Image

from core.jobs import GenerationRequest
from core.media import Guide, Input
from core.schedulers import Scheduler
from core.tasks import parameters_of, task_named
from worker.contract import Canceled, Drawing, DrawRequest, Event, Failed, Finished
from worker.engine.engine import Engine
from worker.pipelines.models import Models
from worker.pipelines.schedulers import build_scheduler

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)).resize((64, 64))
MASK = Image.fromarray(np.kron(np.eye(2, dtype=np.uint8), np.full((32, 32), 255, dtype=np.uint8)))

PICTURES = {"image": PICTURE, "mask": MASK}

AUTO = {
    "text-to-image": AutoPipelineForText2Image,
    "image-to-image": AutoPipelineForImage2Image,
    "inpaint": AutoPipelineForInpainting,
}


def a_request(model: str = "sd15", *, task: str = "text-to-image", seed: int = 1, **changes: Any) -> DrawRequest:
    """A request for one picture. `changes` are parameters, as far as the task has them, and inputs by their role."""
    inputs = {role.name: changes.pop(role.name, PICTURES.get(role.name)) for role in task_named(task).roles}
    flow = model in {"sd3", "flux"}
    parameters = {
        "prompt": "a red apple",
        "width": 64,
        "height": 64,
        "num_inference_steps": 4,
        "guidance_scale": 5.0,
        "scheduler": Scheduler.FLOW_MATCH_EULER if flow else Scheduler.EULER,
        "strength": 0.8,
        **changes,
    }
    known = parameters_of(task).model_fields
    return DrawRequest(
        request=GenerationRequest(
            task=task,
            model=model,
            parameters={name: value for name, value in parameters.items() if name in known},
            seeds=(seed,),
        ),
        seed=seed,
        inputs={name: (picture,) for name, picture in inputs.items() if picture is not None},
    )


def guided_by(request: DrawRequest, role: str, guides: Sequence[Guide], pictures: Sequence[Image.Image]) -> DrawRequest:
    """`request` with the first of `pictures` in `role`, one for each of `guides`."""
    inputs = tuple(
        Input(role=role, index=n, key=f"k{n}", medium="image/png", size_bytes=1, guide=guide)
        for n, guide in enumerate(guides)
    )
    given = {**request.inputs, role: tuple(pictures[: len(guides)])}
    return DrawRequest(request=request.request.evolve(inputs=inputs), seed=request.seed, inputs=given)


@st.composite
def requests_for(draw: st.DrawFn, model: str, tasks: Sequence[str]) -> DrawRequest:
    """One of those `tasks`, in few steps, with guidance or without."""
    return a_request(
        model,
        task=draw(st.sampled_from(tasks)),
        prompt=draw(st.sampled_from(["a red apple", "two zebras, ok"])),
        num_inference_steps=draw(st.integers(2, 4)),
        guidance_scale=draw(st.sampled_from([1.0, 5.0])),
        seed=draw(st.integers(0, 2**32 - 1)),
    )


def draw_all(models: Models, requests: Sequence[DrawRequest], *, max_rows: int | None = None) -> list[Event]:
    """Submit everything, run until all is done, and give each request's last event."""
    engine = Engine(models, max_rows=max_rows)
    drawings = [engine.submit(request) for request in requests]
    engine.stop()
    engine.run()
    return [last_event(drawing) for drawing in drawings]


def events_of(drawing: Drawing) -> list[Event]:
    events = []
    while not drawing.events.empty():
        events.append(drawing.events.get())
    return events


def last_event(drawing: Drawing) -> Event:
    last = events_of(drawing)[-1]
    assert isinstance(last, Finished | Failed | Canceled)
    return last


def plain_picture(models: Models, request: DrawRequest) -> torch.Tensor:
    """The picture [3, height, width] in 0-1 that stock diffusers draws alone, by nothing of the engine's."""
    pipeline, arguments = plain_pipeline(models, request)
    return pipeline(**arguments).images[0]


def plain_pipeline(models: Models, request: DrawRequest) -> tuple[Any, dict[str, Any]]:
    """The stock pipeline for `request`, and what its call is told."""
    told: Any = request.parameters
    base = models.get(request.model).pipeline
    pipeline = AUTO[request.task].from_pipe(base)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = build_scheduler(
        told.scheduler, base.scheduler.config, told.num_inference_steps, told.noise_schedule, own=type(base.scheduler)
    )
    arguments: dict[str, Any] = {"prompt": told.prompt, "guidance_scale": told.guidance_scale}
    if request.model != "flux":
        arguments["negative_prompt"] = told.negative_prompt
    size = (told.width, told.height)
    if request.task != "text-to-image":
        (picture,) = request.inputs["image"]
        arguments |= {"image": picture.resize(size, Image.Resampling.LANCZOS), "strength": told.strength}
    if request.task == "inpaint":
        (mask,) = request.inputs["mask"]
        arguments["mask_image"] = mask.resize(size, Image.Resampling.NEAREST)
    if request.task != "image-to-image" or request.model in {"sd3", "flux"}:
        arguments |= {"width": told.width, "height": told.height}
    generator = torch.Generator("cpu").manual_seed(request.seed)
    if request.model in {"sd3", "flux"} and "generator" in inspect.signature(pipeline.scheduler.step).parameters:
        # Pipelines of flows give their sampler's noise no generator
        pipeline.scheduler.step = functools.partial(pipeline.scheduler.step, generator=generator)
    arguments |= {"num_inference_steps": told.num_inference_steps, "generator": generator, "output_type": "pt"}
    return pipeline, arguments


def misbehave(module: Any, method: str, trouble: Callable[..., None]) -> None:
    """Let `trouble` look at the arguments of every call of `module.method` first, and raise if it likes."""
    original = getattr(module, method)

    @functools.wraps(original)
    def troubled(*args: Any, **kwargs: Any) -> Any:
        trouble(*args, **kwargs)
        return original(*args, **kwargs)

    setattr(module, method, troubled)
