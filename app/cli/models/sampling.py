"""Sampler, steps and guidance that fit a model: its family's, or those of the few-step kinds that are made of it."""

from __future__ import annotations

import re
from typing import Any, Final

from app.cli.models.facts import Facts
from app.cli.models.samplers import FEW_STEP_SAMPLERS, fitting_samplers, sampler_of
from core.catalog.families import family_defaults
from core.catalog.model import MAX_STEPS
from core.schedulers import Scheduler

FEW_STEPS: Final = {
    "turbo": 4,
    "lightning": 4,
    "hyper": 8,
    "lcm": 4,
    "dmd": 4,
    "dmd2": 4,
    "schnell": 4,
    "klein": 4,
    "sprint": 2,
    "distilled": 8,
    "flash": 4,
    "tcd": 4,
}
"""Words in models' names that tell of few steps, and how many where the name does not say it."""

STEPS_OF_FAMILY: Final = {"sd15": 25, "sdxl": 30}
GUIDANCE_OF_FAMILY: Final = {"sd15": 7.0, "sdxl": 5.0, "lcm": 8.0}
"""Where the pipeline's own default is not what people use."""


def sampling_of(facts: Facts, name: str) -> tuple[dict[str, Any], list[str]]:
    """The fields of a row that say how to draw, and in words what they were told from.

    `name` is what people call the model: few-step models are told from the words in it, where no configuration says so.
    """
    notes: list[str] = []
    word = few_steps_word(facts, name)
    config = scheduler_config(facts, name, word, notes)
    guided = guidance_of(facts, word)
    row: dict[str, Any] = {
        "num_inference_steps": steps_of(facts, name, word),
        "guidance_scale": guided,
        "scheduler": str(sampler_of(facts)),
    }
    if (fitting := fitting_samplers(facts, Scheduler(row["scheduler"]))) is not None:
        row["schedulers"] = [str(each) for each in fitting]
    if config:
        row["scheduler_config"] = config
    if word:
        notes.append(f"few steps and little guidance, as '{word}' models want it")
    taken = family_defaults(facts.family).get("negative_prompt", "negative_prompt" in facts.parameters)
    if not taken or (word and guided <= 1):
        row["negative_prompt"] = False
    return row, notes


def few_steps_word(facts: Facts, name: str) -> str | None:
    """What tells that the model was distilled to few steps; None if nothing does."""
    words = [each for each in re.split(r"[^a-z0-9]+", name.lower()) if each]
    if "de" in words and "distill" in words:
        return None
    if facts.index.get("is_distilled") is True:
        return "distilled" if "klein" not in words else "klein"
    if facts.index.get("is_distilled") is False:
        return None
    if found := next((word for word in words if word in FEW_STEPS), None):
        return found
    if facts.family == "lcm":
        return "lcm"
    if found := FEW_STEP_SAMPLERS.get(str(facts.scheduler.get("_class_name"))):
        return found
    if facts.pipeline.startswith("FluxPipeline") and facts.denoiser.get("guidance_embeds") is False:
        return "schnell"
    return None


def scheduler_config(facts: Facts, name: str, word: str | None, notes: list[str]) -> dict[str, Any]:
    """What the scheduler's own configuration should say and does not."""
    own, changes = facts.scheduler, dict[str, Any]()
    flow = "FlowMatch" in str(own.get("_class_name", "")) or not facts.has_unet
    if flow:
        return changes
    predicted = own.get("prediction_type", "epsilon")
    if re.search(r"v[-_ ]?pred", name, re.IGNORECASE) and predicted == "epsilon":
        changes |= {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}
        notes.append("v-prediction with zero terminal SNR, as its name says")
    elif predicted == "v_prediction":
        notes.append("v-prediction, as its scheduler says")
    zero_snr = own.get("rescale_betas_zero_snr") or changes.get("rescale_betas_zero_snr")
    spaced = own.get("_class_name") not in FEW_STEP_SAMPLERS and facts.family != "lcm"
    if own.get("timestep_spacing") != "trailing" and (zero_snr or (word and spaced)):
        changes["timestep_spacing"] = "trailing"
        notes.append(f"trailing timesteps, which {'zero terminal SNR' if zero_snr else f'{word} models'} need")
    return changes


def steps_of(facts: Facts, name: str, word: str | None) -> int:
    """What the name says ("4step"), the kind wants, the family, or the pipeline's own default."""
    usual = int(facts.defaults.get("num_inference_steps", 25))
    if word is None:
        return max(1, min(MAX_STEPS, STEPS_OF_FAMILY.get(facts.family, usual)))
    if said := re.search(r"(?<![0-9])([0-9]{1,2})[-_ ]?steps?", name, re.IGNORECASE):
        return max(1, int(said[1]))
    if facts.family == "z-image":
        return 9  # eight forwards: its pipeline drops one (its model card)
    return FEW_STEPS[word]


def guidance_of(facts: Facts, word: str | None) -> float:
    """Distilled models take none; those that take guidance as an input of the denoiser keep it."""
    told = facts.defaults
    usual = next(
        (
            float(told[name])
            for name in ("true_cfg_scale", "guidance_scale", "distilled_guidance_scale")
            if told.get(name, 0) > 1
        ),
        5.0,
    )
    embedded = bool(facts.denoiser.get("guidance_embeds") or facts.denoiser.get("time_cond_proj_dim"))
    if word in ("sprint",) or (word and embedded):
        return GUIDANCE_OF_FAMILY.get(facts.family, usual)
    if word is None:
        return GUIDANCE_OF_FAMILY.get(facts.family, usual)
    return 1.0 if word in ("lcm", "klein", "distilled") else 0.0
