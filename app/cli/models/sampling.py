"""Sampler, steps and guidance that fit a model: its family's, or those of the few-step kinds that are made of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from app.cli.models.facts import Facts
from app.cli.models.samplers import fitting_samplers, sampler_of
from core.catalog.families import family_defaults
from core.catalog.few_step_kinds import SCHEDULERS, FewSteps
from core.catalog.few_steps import few_steps, kind_among
from core.catalog.model import MAX_STEPS

STEPS_OF_FAMILY: Final = {"sd15": 25, "sdxl": 30}
GUIDANCE_OF_FAMILY: Final = {"sd15": 7.0, "sdxl": 5.0, "lcm": 8.0}
"""Where the pipeline's own default is not what people use."""

GUIDANCE_OF_LCM: Final = 8.0
"""Of consistency models whose denoiser is told the guidance (Luo et al. 2023, arXiv:2310.04378)."""


def sampling_of(facts: Facts, names: Iterable[str], loras: Iterable[str] = ()) -> tuple[dict[str, Any], list[str]]:
    """The fields of a row that say how to draw, and in words what they were told from.

    `names` are what people call the model, `loras` the LoRAs in it: few-step ones are told from the words in them,
    where no configuration says so.
    """
    names, loras, notes = tuple(names), tuple(loras), list[str]()
    few = few_steps(names, facts.configuration, loras)
    by_lora = kind_among(loras, of_lora=True) is not None
    sampler = sampler_of(facts, few, by_lora=by_lora)
    config = scheduler_config(facts, names, few, notes, by_lora=by_lora)
    guided = guidance_of(facts, few)
    row: dict[str, Any] = {
        "num_inference_steps": steps_of(facts, few),
        "guidance_scale": guided,
        "scheduler": str(sampler),
    }
    if (fitting := fitting_samplers(facts, sampler)) is not None and sampler in fitting:
        row["schedulers"] = [str(each) for each in fitting]
    if config:
        row["scheduler_config"] = config
    if few is not None:
        if few.arguments and few.scheduler is sampler and few.arguments.keys() <= set(facts.parameters):
            row["arguments"] = dict(few.arguments)
        little = " and little guidance" if guided <= 1 else ""
        notes.append(f"few steps{little}, as '{few.kind}' models want it")
    taken = family_defaults(facts.family).get("negative_prompt", "negative_prompt" in facts.parameters)
    if not taken or (few is not None and guided <= 1):
        row["negative_prompt"] = False
    return row, notes


def scheduler_config(
    facts: Facts, names: Iterable[str], few: FewSteps | None, notes: list[str], *, by_lora: bool
) -> dict[str, Any]:
    """What the scheduler's own configuration should say and does not."""
    own, told = facts.scheduler, dict(few.scheduler_config) if few is not None else {}
    if not facts.is_of_noise_levels:
        return {key: value for key, value in told.items() if key != "prediction_type"}
    changes, predicted = told, own.get("prediction_type", "epsilon")
    if any(re.search(r"v[-_ ]?pred", name, re.IGNORECASE) for name in names) and predicted == "epsilon":
        changes |= {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}
        notes.append("v-prediction with zero terminal SNR, as its name says")
    elif predicted == "v_prediction":
        notes.append("v-prediction, as its scheduler says")
    zero_snr = own.get("rescale_betas_zero_snr") or changes.get("rescale_betas_zero_snr")
    spaced = by_lora or (own.get("_class_name") not in SCHEDULERS and facts.family != "lcm")
    if own.get("timestep_spacing") != "trailing" and (zero_snr or (few is not None and spaced)):
        changes["timestep_spacing"] = "trailing"
        need = "zero terminal SNR needs" if few is None or zero_snr else f"'{few.kind}' models need"
        notes.append(f"trailing timesteps, which {need}")
    return changes


def steps_of(facts: Facts, few: FewSteps | None) -> int:
    """What the kind of few steps wants or its name says, the family, or the pipeline's own default."""
    usual = STEPS_OF_FAMILY.get(facts.family, int(facts.defaults.get("num_inference_steps", 25)))
    return max(1, min(MAX_STEPS, usual if few is None else few.steps))


def guidance_of(facts: Facts, few: FewSteps | None) -> float:
    """Distilled models take none; those that take guidance as an input of the denoiser keep it."""
    if few is not None and few.guidance is not None:
        return few.guidance
    if few is not None and facts.denoiser.get("time_cond_proj_dim"):
        return GUIDANCE_OF_LCM
    told = facts.defaults
    for name in ("true_cfg_scale", "guidance_scale", "distilled_guidance_scale"):
        if told.get(name, 0) > 1:
            return GUIDANCE_OF_FAMILY.get(facts.family, float(told[name]))
    return GUIDANCE_OF_FAMILY.get(facts.family, 5.0)
