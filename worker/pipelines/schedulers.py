"""Which diffusers scheduler each sampler name means, and what of its configuration differs."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import Any, Final

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DEISMultistepScheduler,
    DPMSolverMultistepScheduler,
    DPMSolverSinglestepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchLCMScheduler,
    HeunDiscreteScheduler,
    KDPM2AncestralDiscreteScheduler,
    KDPM2DiscreteScheduler,
    LCMScheduler,
    LMSDiscreteScheduler,
    PNDMScheduler,
    SASolverScheduler,
    TCDScheduler,
    UniPCMultistepScheduler,
)
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr

from core.schedulers import SIGMAS, NoiseSchedule, Scheduler
from worker.pipelines.flow_schedulers import FlowHeun, FlowMultistep, FlowSigmas, FlowSinglestep, FlowUniPC, flow_solver

LARGEST_SIGMA: Final = 30.0
"""Where a sampler starts a model with zero terminal SNR, for whom any sample at sigma 30 is as good as pure noise.

The 4096 that diffusers gives some schedulers will not do: half of Heun's first step is the slope at its end, times
the whole length of the step, which magnifies whatever the model gets wrong there a hundredfold; and a schedule of
sigmas would spend most of its steps above it.
"""

KEPT_SIGMA: Final = 10.0
"""Up to here such a model's noise levels stay as they are; what is above is drawn together.

Not for Heun: it does not mind levels that are alike, but that a step there ends elsewhere than the model takes it to.
"""

Config = Mapping[str, Any]
Changes = Callable[[Config, int], dict[str, Any]]


def no_changes(config: Config, steps: int) -> dict[str, Any]:
    """It takes the model's configuration as it stands."""
    return {}


def solver(order: int, algorithm: str = "dpmsolver++", kind: str = "midpoint") -> Changes:
    """DPM-Solver++ (Lu et al. 2022, arXiv:2211.01095), down to no noise at all."""
    changes = {
        "algorithm_type": algorithm,
        "solver_order": order,
        "solver_type": kind,
        "lower_order_final": True,
        "final_sigmas_type": "zero",
    }
    return lambda config, steps: changes


def unipc(config: Config, steps: int) -> dict[str, Any]:
    """UniPC (Zhao et al. 2023, arXiv:2302.04867)."""
    return {"solver_type": "bh2"}


def deis(config: Config, steps: int) -> dict[str, Any]:
    """DEIS (Zhang and Chen 2022, arXiv:2204.13902) has words of its own for what its solvers are."""
    return {"algorithm_type": "deis", "solver_type": "logrho", "solver_order": 2}


def sa_solver(config: Config, steps: int) -> dict[str, Any]:
    """SA-Solver (Xue et al. 2023, arXiv:2309.05019)."""
    return {"algorithm_type": "data_prediction"}


def plms(config: Config, steps: int) -> dict[str, Any]:
    """PNDM (Liu et al. 2022, arXiv:2202.09778) as it is used with latents: without its Runge-Kutta steps."""
    return {"skip_prk_steps": True}


def consistency(config: Config, steps: int) -> dict[str, Any]:
    """LCM and TCD pick their steps out of a finer schedule, which has to be at least as long."""
    return {"original_inference_steps": max(int(config.get("original_inference_steps", 50)), steps)}


class WithoutTensors:
    """For stock classes that give NumPy's functions tensors, which NumPy is about to forbid."""

    def _sigma_to_t(self, sigma: Any, log_sigmas: Any) -> Any:  # noqa: ANN401
        return super()._sigma_to_t(np.asarray(sigma), np.asarray(log_sigmas))  # type: ignore[misc]


class KDPM2(WithoutTensors, KDPM2DiscreteScheduler):
    """DPM-Solver-2 (Karras et al. 2022, algorithm 2): two calls of the model a step, but for the last."""


class KDPM2Ancestral(WithoutTensors, KDPM2AncestralDiscreteScheduler):
    """The same, with noise added at every step."""


class Lms(LMSDiscreteScheduler):
    """Linear multistep, of no higher order than it has slopes: the stock class takes the order by the step's number.

    So it is wrong where the first step is not number 0, as it is with a given picture.
    """

    derivatives: list[torch.Tensor]

    def step(
        self,
        model_output: torch.Tensor,
        timestep: Any,  # noqa: ANN401
        sample: torch.Tensor,
        order: int = 4,
        return_dict: bool = True,
    ) -> Any:  # noqa: ANN401
        """As the stock class's."""
        stock: Any = super()
        order = min(order, len(self.derivatives) + 1)
        return stock.step(model_output, timestep, sample, order, return_dict)


SCHEDULERS: Final[dict[Scheduler, tuple[Any, Changes]]] = {
    Scheduler.EULER: (EulerDiscreteScheduler, no_changes),
    Scheduler.EULER_ANCESTRAL: (EulerAncestralDiscreteScheduler, no_changes),
    Scheduler.HEUN: (HeunDiscreteScheduler, no_changes),
    Scheduler.DDIM: (DDIMScheduler, no_changes),
    Scheduler.DDPM: (DDPMScheduler, no_changes),
    Scheduler.DPMPP_2M: (DPMSolverMultistepScheduler, solver(2)),
    Scheduler.DPMPP_2M_SDE: (DPMSolverMultistepScheduler, solver(2, "sde-dpmsolver++")),
    Scheduler.DPMPP_2M_SDE_HEUN: (DPMSolverMultistepScheduler, solver(2, "sde-dpmsolver++", "heun")),
    Scheduler.DPMPP_3M: (DPMSolverMultistepScheduler, solver(3)),
    Scheduler.DPMPP_3M_SDE: (DPMSolverMultistepScheduler, solver(3, "sde-dpmsolver++")),
    Scheduler.DPMPP_2S: (DPMSolverSinglestepScheduler, solver(2)),
    Scheduler.DPMPP_SDE: (DPMSolverSinglestepScheduler, solver(2, "sde-dpmsolver++")),
    Scheduler.DPM2: (KDPM2, no_changes),
    Scheduler.DPM2_ANCESTRAL: (KDPM2Ancestral, no_changes),
    Scheduler.LMS: (Lms, no_changes),
    Scheduler.PNDM: (PNDMScheduler, plms),
    Scheduler.DEIS: (DEISMultistepScheduler, deis),
    Scheduler.UNIPC: (UniPCMultistepScheduler, unipc),
    Scheduler.SA_SOLVER: (SASolverScheduler, sa_solver),
    Scheduler.LCM: (LCMScheduler, consistency),
    Scheduler.TCD: (TCDScheduler, consistency),
    Scheduler.FLOW_MATCH_EULER: (FlowMatchEulerDiscreteScheduler, no_changes),
    Scheduler.FLOW_MATCH_HEUN: (FlowHeun, no_changes),
    Scheduler.FLOW_MATCH_LCM: (FlowMatchLCMScheduler, no_changes),
}

OF_FLOWS: Final[dict[Any, Any]] = {
    DPMSolverMultistepScheduler: FlowMultistep,
    DPMSolverSinglestepScheduler: FlowSinglestep,
    UniPCMultistepScheduler: FlowUniPC,
}
"""What steps along a flow in place of a solver that has been made for noise levels."""

SWITCHES: Final = {
    NoiseSchedule.KARRAS: "use_karras_sigmas",
    NoiseSchedule.EXPONENTIAL: "use_exponential_sigmas",
    NoiseSchedule.BETA: "use_beta_sigmas",
    NoiseSchedule.LU: "use_lu_lambdas",
}


def build_scheduler(
    name: Scheduler,
    config: Config,
    steps: int,
    schedule: NoiseSchedule = NoiseSchedule.AUTOMATIC,
    told: Config | None = None,
    own: Any = None,  # noqa: ANN401 - schedulers share no base type
) -> Any:  # noqa: ANN401
    """A fresh scheduler from the model's own `config`, for one request of `steps` steps.

    `told` goes over the configuration, as far as the scheduler has a setting of that name; `own` is the class of the
    model's own one. What is given to `from_config` beside the configuration holds in any case: settings in the
    configuration that were its class's defaults are dropped there.
    """
    config = {**config, **(told or {})}
    # What the model's own class had by default, diffusers leaves to the defaults of the other class
    left = frozenset(config.get("_use_default_values", ())) - (told or {}).keys()
    kept = {key: value for key, value in config.items() if key not in left and not key.startswith("_")}
    kind, changes = (own, no_changes) if name is Scheduler.OWN else SCHEDULERS[name]
    if name is Scheduler.OWN:
        return kind.from_config(config, **_taken_by(kind, told or {}))
    if is_flow(config):
        kind = OF_FLOWS.get(kind, kind)
        kept = {"shift": config.get("flow_shift", 1.0), **kept, "prediction_type": "flow_prediction"}
    kept |= changes(config, steps) | schedule_settings(schedule)
    if config.get("rescale_betas_zero_snr") and (
        "rescale_betas_zero_snr" not in settings_of(kind) or any(kept.get(SWITCHES[each]) for each in SWITCHES)
    ):
        levels = LARGEST_SIGMA if name is Scheduler.HEUN else KEPT_SIGMA
        kept |= {"trained_betas": clamped_betas(config, levels), "rescale_betas_zero_snr": False}
    if issubclass(kind, FlowSigmas):
        return flow_solver(kind, kept)
    if kept.get(SWITCHES[NoiseSchedule.BETA]):
        kind = counting_from_the_first(kind)
    return kind(**_taken_by(kind, kept))


@cache
def counting_from_the_first(kind: Any) -> Any:  # noqa: ANN401
    """A class like `kind` that knows where it starts, if nobody says.

    Stock classes look their first timestep up, and take the second place where it stands twice. A beta schedule of
    many steps begins with several that are the same in whole numbers. Pipelines that start from a picture say where.
    """

    class Counting(kind):  # type: ignore[misc]
        @wraps(kind.set_timesteps)
        def set_timesteps(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
            super().set_timesteps(*args, **kwargs)
            self.set_begin_index(0)

    Counting.__name__ = kind.__name__
    return Counting


def is_flow(config: Config) -> bool:
    """Whether the model of that scheduler's configuration was trained with flow matching: no betas, or it says so."""
    told = config.get("prediction_type") == "flow_prediction" or config.get("use_flow_sigmas")
    return bool(told) or ("beta_start" not in config and "trained_betas" not in config)


def schedule_settings(schedule: NoiseSchedule) -> dict[str, Any]:
    """The settings that make `schedule` of a model's own; none for `automatic`."""
    if schedule is NoiseSchedule.AUTOMATIC:
        return {}
    switches: dict[str, Any] = {setting: schedule is each for each, setting in SWITCHES.items()}
    if schedule in SWITCHES:
        # The schedule is built from the whole range of noise levels
        return {**switches, **({"timestep_spacing": "linspace"} if schedule in SIGMAS else {})}
    return {**switches, "timestep_spacing": schedule.value}


def clamped_betas(config: Config, kept_sigma: float) -> list[float]:
    """The betas, [num_train_timesteps], of a model with zero terminal SNR, for what does not know of such models."""
    trained: Any = DDPMScheduler
    betas = trained.from_config(config, rescale_betas_zero_snr=False).betas
    alphas = 1.0 - rescale_zero_terminal_snr(betas)
    alphas_cumprod = torch.cumprod(alphas.double(), dim=0)
    kept = int((alphas_cumprod > 1 / (1 + kept_sigma**2)).sum())
    # No two levels quite alike: solvers divide by what is between them.
    steps = torch.linspace(0, 1, len(betas) - kept + 1, dtype=torch.float64)
    high, low = alphas_cumprod[kept - 1].log(), math.log(1 / (1 + LARGEST_SIGMA**2))
    alphas_cumprod[kept - 1 :] = (high + steps * (low - high)).exp()
    alphas = torch.cat([alphas_cumprod[:1], alphas_cumprod[1:] / alphas_cumprod[:-1]])
    return (1.0 - alphas).tolist()


def settings_of(kind: Any) -> frozenset[str]:  # noqa: ANN401
    """The settings that a scheduler's class has, by name."""
    return frozenset(inspect.signature(kind.__init__).parameters) - {"self"}


def unknown_settings(told: Config, own: Any = None) -> tuple[str, ...]:  # noqa: ANN401
    """The keys of a row's `scheduler_config` that no scheduler knows, the model's `own` one among them."""
    kinds = [kind for kind, _ in SCHEDULERS.values()] + ([type(own)] if own is not None else [])
    known = frozenset().union(*(settings_of(kind) for kind in kinds))
    return tuple(key for key in told if key not in known)


def _taken_by(kind: Any, settings: Config) -> dict[str, Any]:  # noqa: ANN401
    known = settings_of(kind)
    return {key: value for key, value in settings.items() if key in known}
