"""Which diffusers scheduler each sampler name means, and what of its configuration differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    HeunDiscreteScheduler,
    LCMScheduler,
    UniPCMultistepScheduler,
)
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr

from core.schedulers import Scheduler

HEUN_MAX_SIGMA: Final = 30.0
"""Where Heun starts a model with zero terminal SNR, for whom any sample at sigma 30 is as good as pure noise.

The 4096 that diffusers gives its other schedulers will not do: half of Heun's first step is the slope at its end,
times the whole length of the step, which magnifies whatever the model gets wrong there a hundredfold.
"""

Config = Mapping[str, Any]
Changes = Callable[[Config, int], dict[str, Any]]


def no_changes(config: Config, steps: int) -> dict[str, Any]:
    """It takes the model's configuration as it stands."""
    return {}


def multistep(config: Config, steps: int) -> dict[str, Any]:
    """DPM-Solver++ of second order (Lu et al. 2022, arXiv:2211.01095), down to no noise at all."""
    return {"algorithm_type": "dpmsolver++", "solver_order": 2, "final_sigmas_type": "zero"}


def consistency(config: Config, steps: int) -> dict[str, Any]:
    """LCM picks its steps out of a finer schedule, which has to be at least as long."""
    return {"original_inference_steps": max(int(config.get("original_inference_steps", 50)), steps)}


def heun(config: Config, steps: int) -> dict[str, Any]:
    """Heun does not know the zero-terminal-SNR flag: give it the rescaled betas themselves, up to a largest sigma."""
    if not config.get("rescale_betas_zero_snr"):
        return {}
    trained: Any = DDPMScheduler
    betas = trained.from_config(config, rescale_betas_zero_snr=False).betas
    alphas = 1.0 - rescale_zero_terminal_snr(betas)
    alphas_cumprod = torch.cumprod(alphas.double(), dim=0).clamp(min=1 / (1 + HEUN_MAX_SIGMA**2))
    alphas = torch.cat([alphas_cumprod[:1], alphas_cumprod[1:] / alphas_cumprod[:-1]])
    return {"trained_betas": (1.0 - alphas).tolist()}


SCHEDULERS: Final[dict[Scheduler, tuple[Any, Changes]]] = {
    Scheduler.EULER: (EulerDiscreteScheduler, no_changes),
    Scheduler.EULER_ANCESTRAL: (EulerAncestralDiscreteScheduler, no_changes),
    Scheduler.HEUN: (HeunDiscreteScheduler, heun),
    Scheduler.DDIM: (DDIMScheduler, no_changes),
    Scheduler.DDPM: (DDPMScheduler, no_changes),
    Scheduler.DPMPP_2M: (DPMSolverMultistepScheduler, multistep),
    Scheduler.UNIPC: (UniPCMultistepScheduler, no_changes),
    Scheduler.LCM: (LCMScheduler, consistency),
    Scheduler.FLOW_MATCH_EULER: (FlowMatchEulerDiscreteScheduler, no_changes),
}


def build_scheduler(name: Scheduler, config: Config, steps: int) -> Any:  # noqa: ANN401 - schedulers share no base type
    """A fresh scheduler from the model's own `config`, for one request of `steps` steps."""
    scheduler, changes = SCHEDULERS[name]
    return scheduler.from_config(config, **changes(config, steps))
