"""Says where a row asks a model of few steps for what it cannot: many steps, guidance, steps spaced as others' are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from core.catalog.few_step_kinds import SCHEDULERS, FewSteps
from core.catalog.few_step_names import lora_names, names_in
from core.catalog.few_steps import Configuration, few_steps
from core.catalog.model import Model
from core.schedulers import Scheduler

DENOISERS: Final = ("transformer", "unet", "prior")

LITTLE: Final = 2.0
"""Guidance that some mix into models which want none."""

SPACED_BY_THEMSELVES: Final = (Scheduler.LCM, Scheduler.TCD)


def few_step_notes(row: Model, locate: Callable[[str], Path | None], pipeline: Any) -> list[str]:  # noqa: ANN401
    """In words, what does not fit the kind that the names or the configuration tell; empty if all does."""
    loras = [name for source in row.loras for name in lora_names(source, locate(source))]
    few = few_steps((*names_in(row.source), row.id), configuration_of(row, pipeline), loras)
    return [] if few is None else [*settings_off(row, few), *spacing_off(row, few, pipeline)]


def settings_off(row: Model, few: FewSteps) -> list[str]:
    """Steps and guidance of the row that are not the kind's."""
    notes = []
    if row.num_inference_steps > max(12, 2 * few.steps):
        notes.append(
            f"num_inference_steps is {row.num_inference_steps}: a '{few.kind}' model draws in {few.steps}, and more "
            "make its pictures slower, not better"
        )
    if few.guidance is not None and row.guidance_scale > max(LITTLE, few.guidance + 1):
        notes.append(
            f"guidance_scale is {row.guidance_scale:g}: a '{few.kind}' model wants {few.guidance:g}, and more burns "
            "its pictures"
        )
    return notes


def spacing_off(row: Model, few: FewSteps, pipeline: Any) -> list[str]:  # noqa: ANN401
    """That few steps do not begin at full noise, where the sampler leaves it to its configuration."""
    scheduler = getattr(pipeline, "scheduler", None)
    config = getattr(scheduler, "config", {})
    spacing = row.scheduler_config.get("timestep_spacing", config.get("timestep_spacing"))
    own = row.scheduler is Scheduler.OWN and type(scheduler).__name__ in SCHEDULERS
    spaced = own or row.scheduler in SPACED_BY_THEMSELVES
    if "beta_start" not in config or spacing == "trailing" or spaced:
        return []
    return [
        f"timestep_spacing is '{spacing or 'leading'}': the few steps of a '{few.kind}' model begin at full noise: "
        'scheduler_config = { timestep_spacing = "trailing" }'
    ]


def configuration_of(row: Model, pipeline: Any) -> Configuration:  # noqa: ANN401
    """What the loaded pipeline says of itself."""
    parts = [getattr(pipeline, name, None) for name in DENOISERS]
    denoiser: Any = next((part.config for part in parts if part is not None), {})
    return Configuration(
        pipeline=type(pipeline).__name__,
        family=row.family,
        scheduler=type(getattr(pipeline, "scheduler", None)).__name__,
        is_distilled=pipeline.config.get("is_distilled"),
        guidance_embeds=denoiser.get("guidance_embeds"),
        time_cond_proj_dim=denoiser.get("time_cond_proj_dim"),
    )
