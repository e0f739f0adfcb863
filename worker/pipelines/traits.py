"""What a family may have of its own: everything else is the same for all pipelines and needs no word."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting, AutoPipelineForText2Image

from core.tasks import all_tasks
from worker.contract import DrawRequest

PIPELINES: Final[Mapping[str, Any]] = {
    "text-to-image": AutoPipelineForText2Image,
    "image-to-image": AutoPipelineForImage2Image,
    "inpaint": AutoPipelineForInpainting,
}
"""What does a task, by its name, where a family says nothing else: diffusers finds the family's own pipeline."""

LatentGrid = Callable[[torch.Tensor, DrawRequest], torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What is true of all models of some `families`, for the tasks that this file is about or for all of them.

    `pipelines` has a pipeline class, or one of diffusers' Auto classes, by the name of the task that it does.
    Arguments named in `without` are never passed; tasks in `cannot` are refused though diffusers has a pipeline.
    With `half_overflows` activations leave the range of float16. `after_load` functions are given the new pipeline.
    `latent_grid` brings latents, as they travel through the pipeline, to [rows, channels, height, width].
    """

    families: frozenset[str]
    pipelines: Mapping[str, Any] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    cannot: frozenset[str] = frozenset()
    half_overflows: bool = False
    after_load: tuple[Callable[[Any], None], ...] = ()
    latent_grid: LatentGrid | None = None

    def pipeline_for(self, task: str) -> Any | None:  # noqa: ANN401 - pipeline classes and Auto classes share no base
        """What does `task`: a pipeline of its own, else that of a task it builds on; None where there is neither.

        Of several that it builds on, the one that takes the most inputs.
        """
        if task in self.pipelines:
            return self.pipelines[task]
        if task in self.cannot:
            return None
        if task in PIPELINES:
            return PIPELINES[task]
        tasks = all_tasks()
        bases = tasks[task].builds_on & tasks.keys() if task in tasks else frozenset()
        for base in sorted(bases, key=lambda name: (-len(tasks[name].roles), name)):
            if (found := self.pipeline_for(base)) is not None:
                return found
        return None

    def grid(self, latents: torch.Tensor, request: DrawRequest) -> torch.Tensor:
        """`latents` as [rows, channels, height, width], or as they are if nothing is known of them."""
        return latents if self.latent_grid is None else self.latent_grid(latents, request)


def merged(family: str, files: Sequence[Traits]) -> Traits:
    """All that `files` say of `family`. Raises ValueError if two of them differ in what can only be one."""
    mine = [traits for traits in files if family in traits.families]
    pipelines: dict[str, Any] = {}
    for traits in mine:
        for task, pipeline in traits.pipelines.items():
            if pipelines.setdefault(task, pipeline) is not pipeline:
                raise ValueError(f"two files of traits name a pipeline for {task} of family '{family}'")
    grids = [traits.latent_grid for traits in mine if traits.latent_grid is not None]
    if len(grids) > 1:
        raise ValueError(f"two files of traits name a latent_grid of family '{family}'")
    return Traits(
        families=frozenset({family}),
        pipelines=pipelines,
        without=frozenset().union(*(traits.without for traits in mine)),
        cannot=frozenset().union(*(traits.cannot for traits in mine)),
        half_overflows=any(traits.half_overflows for traits in mine),
        after_load=tuple(function for traits in mine for function in traits.after_load),
        latent_grid=grids[0] if grids else None,
    )
