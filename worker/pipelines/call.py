"""The call of the pipeline: a request in, what it drew out. The one line that all the rest is for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from core.errors import JobFailure
from core.jobs import Stage
from core.media import IMAGE, Medium
from core.tasks import task_named
from worker.contract import DrawRequest
from worker.pipelines.adapters import notes_of
from worker.pipelines.arguments import call_arguments, taken_by
from worker.pipelines.controlled import control_arguments, unheeded
from worker.pipelines.estimates import LastStep
from worker.pipelines.guidance import guidance_of
from worker.pipelines.loaded_model import LoadedModel
from worker.pipelines.pixels import to_pixels
from worker.pipelines.prompts import with_prompts
from worker.pipelines.request_changes import changes_of
from worker.pipelines.row_guides import asking_for
from worker.pipelines.unread_text import reading

Stepped = Callable[[int, int, torch.Tensor | None], None]
"""Told after each step: its number, how many there are, and the latents where the pipeline shows them."""


class PipelineCall:
    """One request's call of a stock pipeline of its own, and what can be seen of it on the way.

    Raises JobFailure (`task_not_supported`) if the model has no pipeline for the task.
    """

    works = Stage.DENOISE
    repeats = False

    def __init__(self, model: LoadedModel, request: DrawRequest) -> None:
        self._guidance = guidance_of(model, request)
        self.pipeline = model.pipeline_for(request, self._guidance.controls)
        self._request = request
        self._row = model.row
        self._traits = model.traits
        self.notes = [
            *without_effect(request),
            *notes_of(self._guidance.loras),
            *unheeded(self.pipeline, self._guidance.controls),
        ]
        self._last_step = LastStep()
        self._changes = changes_of(self.pipeline, request, self._last_step)

    def run(self, stepped: Stepped) -> Any:  # noqa: ANN401 - what the encoder of the task's medium takes
        """Draw, from the first line of the stock pipeline to its last, and return the result as `Finished` has it.

        Raises JobFailure (`content_filtered`, `nan_output`), and whatever the pipeline raises.
        """
        request, pipeline = self._request, self.pipeline

        def step_ended(pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - diffusers' callback
            stepped(step + 1, getattr(pipe, "num_timesteps", request.steps), tensors.get("latents"))
            return {}

        arguments = call_arguments(pipeline, request, self._traits, self._row)
        if self._guidance.controls:
            arguments |= control_arguments(pipeline, request, self._guidance.controls)
        asked = self._guidance.asked(pipeline, request)
        with asking_for(asked):
            arguments = with_prompts(pipeline, self._row, request, arguments, self.notes.append)
            arguments = self._guidance.with_words(pipeline, request, arguments, self.notes.append)
        generator = torch.Generator("cpu").manual_seed(request.seed)
        ours = {
            "generator": generator,
            "callback_on_step_end": step_ended,
            "output_type": "pt",
        }
        calls_back = "callback_on_step_end" in taken_by(pipeline, ours)
        watching = self._last_step.watching(pipeline.scheduler, generator, None if calls_back else stepped)
        reads = reading(pipeline, arguments, self.notes.append)
        with watching, reads, asking_for(asked), self._changes.under_way(self.notes.append):
            output = pipeline(**arguments | taken_by(pipeline, ours))
        return result_of(output, task_named(request.task).medium, request.parameters.output_size)

    @property
    def modules(self) -> tuple[tuple[str, Any], ...]:
        """Those that it calls beside the model's own, each with what diffusers calls such a component."""
        return self._guidance.modules

    def foreseen(self, latents: torch.Tensor) -> torch.Tensor | None:
        """The finished latents as the model foresees them at `latents`, [rows, channels, height, width].

        None where they have another shape, of which no picture can be made.
        """
        estimate = self._last_step.estimate()
        grid = self._traits.grid(latents if estimate is None else estimate, self._request)
        return grid if grid.ndim == 4 else None


def without_effect(request: DrawRequest) -> list[str]:
    """What is said of parameters that change nothing: without guidance nothing is kept out of a picture."""
    negative = getattr(request.parameters, "negative_prompt", "")
    guidance = getattr(request.parameters, "guidance_scale", None)
    if not negative or guidance is None or guidance > 1:
        return []
    return [f"negative_prompt has no effect with guidance_scale {guidance:g}: guidance begins above 1"]


def result_of(output: Any, medium: Medium, size: tuple[int, int] | None = None) -> Any:  # noqa: ANN401 - a pipeline's own
    """The first thing that a pipeline made: a picture as 8-bit pixels, of another medium as it came, on the CPU.

    Raises JobFailure: `content_filtered` for what the model's own safety checker withheld, `nan_output` for a picture
    that is none, `size_not_drawn` for one of another than `size`, width and height in pixels.
    """
    if any(getattr(output, "nsfw_content_detected", None) or ()):
        raise JobFailure("the model's own safety checker withheld the picture", code="content_filtered")
    made = output[0]
    if isinstance(made, np.ndarray):  # [pictures, height, width, 3]: older pipelines give nothing else
        made = torch.from_numpy(made).permute(0, 3, 1, 2)
    if medium.name == IMAGE.name:
        return in_size(to_pixels(made), size)
    first = made[0]
    return first.detach().cpu() if isinstance(first, torch.Tensor) else first


def in_size(pixels: torch.Tensor, size: tuple[int, int] | None) -> torch.Tensor:
    """`pixels` [height, width, 3] if they are of `size`, or nothing is said of it. Raises JobFailure otherwise."""
    height, width = pixels.shape[:2]
    if size is None or (width, height) == size:
        return pixels
    raise JobFailure(
        f"{size[0]}x{size[1]} was asked for, and the model drew {width}x{height}: it draws sizes of its own; the sizes "
        "that its row in the catalogue allows (size.buckets) should be those",
        code="size_not_drawn",
    )
