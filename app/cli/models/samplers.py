"""The sampler that a model came with, by our name for it, and those that fit the model beside it."""

from __future__ import annotations

from typing import Final

from app.cli.models.facts import Facts
from core.catalog.families import family_defaults
from core.catalog.few_step_kinds import SCHEDULERS, FewSteps
from core.schedulers import FLOW_ONLY, FLOW_SCHEDULERS, FROM_NOISE_ONLY, Scheduler

SAMPLERS: Final = {
    "EulerDiscreteScheduler": Scheduler.EULER,
    "EulerAncestralDiscreteScheduler": Scheduler.EULER_ANCESTRAL,
    "HeunDiscreteScheduler": Scheduler.HEUN,
    "DDIMScheduler": Scheduler.DDIM,
    "DDIMParallelScheduler": Scheduler.DDIM,
    "DDPMScheduler": Scheduler.DDPM,
    "DDPMParallelScheduler": Scheduler.DDPM,
    "DPMSolverMultistepScheduler": Scheduler.DPMPP_2M,
    "DPMSolverSinglestepScheduler": Scheduler.DPMPP_2S,
    "DPMSolverSDEScheduler": Scheduler.DPMPP_SDE,
    "KDPM2DiscreteScheduler": Scheduler.DPM2,
    "KDPM2AncestralDiscreteScheduler": Scheduler.DPM2_ANCESTRAL,
    "LMSDiscreteScheduler": Scheduler.LMS,
    "PNDMScheduler": Scheduler.PNDM,
    "DEISMultistepScheduler": Scheduler.DEIS,
    "UniPCMultistepScheduler": Scheduler.UNIPC,
    "SASolverScheduler": Scheduler.SA_SOLVER,
    "LCMScheduler": Scheduler.LCM,
    "TCDScheduler": Scheduler.TCD,
    "FlowMatchEulerDiscreteScheduler": Scheduler.FLOW_MATCH_EULER,
    "FlowMatchHeunDiscreteScheduler": Scheduler.FLOW_MATCH_HEUN,
    "FlowMatchLCMScheduler": Scheduler.FLOW_MATCH_LCM,
}
"""Our name for the sampler that a model came with; the missing are one pipeline's own, which keeps them."""

SOLVERS: Final = {
    ("DPMSolverMultistepScheduler", "dpmsolver++", "3"): Scheduler.DPMPP_3M,
    ("DPMSolverMultistepScheduler", "sde-dpmsolver++", "2"): Scheduler.DPMPP_2M_SDE,
    ("DPMSolverMultistepScheduler", "sde-dpmsolver++", "3"): Scheduler.DPMPP_3M_SDE,
    ("DPMSolverSinglestepScheduler", "sde-dpmsolver++", "2"): Scheduler.DPMPP_SDE,
}
"""Where a class has several: by its `algorithm_type` and `solver_order`."""

CONSISTENCY: Final = (Scheduler.LCM, Scheduler.TCD)
"""Without these, models that were distilled for them draw nothing much: a folder that has another was not told so."""


def sampler_of(facts: Facts, few: FewSteps | None = None, *, by_lora: bool = False) -> Scheduler:
    """What draws with a model: its own scheduler, unless the few steps it takes are another's (`few`).

    `by_lora` tells that it takes few because of a LoRA, of which its own scheduler knows nothing. A model whose
    scheduler ours has no name for gets its family's, else its own as it stands.
    """
    told = few.scheduler if few is not None and facts.is_of_noise_levels and facts.family != "lcm" else None
    if told is not None and (by_lora or not facts.scheduler_is_own or told in CONSISTENCY):
        if by_lora or facts.scheduler.get("_class_name") not in SCHEDULERS:
            return told
    return own_sampler(facts)


def own_sampler(facts: Facts) -> Scheduler:
    """That of the model's own scheduler; one that cannot start from a picture is nobody's default."""
    usual = Scheduler(family_defaults(facts.family).get("scheduler", Scheduler.OWN))
    if facts.family == "lcm":
        return Scheduler.OWN
    own = facts.scheduler
    kind = str(own.get("_class_name"))
    solver = (kind, str(own.get("algorithm_type", "dpmsolver++")), str(own.get("solver_order", 2)))
    found = SOLVERS.get(solver, SAMPLERS.get(kind, usual))
    return usual if found in FROM_NOISE_ONLY else found


def fitting_samplers(facts: Facts, sampler: Scheduler) -> tuple[Scheduler, ...] | None:
    """The samplers that fit a model, where a row with `sampler` as its default does not say it by that alone."""
    if facts.scheduler.get("_class_name") in SCHEDULERS and sampler is not Scheduler.OWN:
        return (sampler, Scheduler.OWN)
    usual = family_defaults(facts.family).get("scheduler")
    flows = facts.scheduler.get("prediction_type") == "flow_prediction" or facts.scheduler.get("use_flow_sigmas")
    if flows and sampler in FLOW_SCHEDULERS and not {sampler, usual} & {*FLOW_ONLY}:
        return (*FLOW_SCHEDULERS, Scheduler.OWN)
    return None
