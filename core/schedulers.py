"""The samplers that a request may name and the noise schedules they may follow, by the field's own words."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class Scheduler(StrEnum):
    """The samplers a request may name; a model's catalogue row says which of them fit it."""

    EULER = "euler"
    EULER_ANCESTRAL = "euler-ancestral"
    HEUN = "heun"
    DDIM = "ddim"
    DDPM = "ddpm"
    DPMPP_2M = "dpmpp-2m"
    DPMPP_2M_SDE = "dpmpp-2m-sde"
    DPMPP_2M_SDE_HEUN = "dpmpp-2m-sde-heun"
    DPMPP_3M = "dpmpp-3m"
    DPMPP_3M_SDE = "dpmpp-3m-sde"
    DPMPP_2S = "dpmpp-2s"
    DPMPP_SDE = "dpmpp-sde"
    DPM2 = "dpm2"
    DPM2_ANCESTRAL = "dpm2-ancestral"
    LMS = "lms"
    PNDM = "pndm"
    DEIS = "deis"
    UNIPC = "unipc"
    SA_SOLVER = "sa-solver"
    LCM = "lcm"
    TCD = "tcd"
    FLOW_MATCH_EULER = "flow-match-euler"
    FLOW_MATCH_HEUN = "flow-match-heun"
    FLOW_MATCH_LCM = "flow-match-lcm"
    OWN = "own"
    """The one that the model came with, as it is configured."""


class NoiseSchedule(StrEnum):
    """How the noise falls from step to step; `automatic` is as the model's own configuration has it.

    `karras` is of Karras et al. 2022 (arXiv:2206.00364), `lu` of Lu et al. 2022 (arXiv:2206.00927). `linspace`,
    `leading` and `trailing` space the timesteps, as in table 2 of Lin et al. 2023 (arXiv:2305.08891).
    """

    AUTOMATIC = "automatic"
    KARRAS = "karras"
    EXPONENTIAL = "exponential"
    BETA = "beta"
    LU = "lu"
    LINSPACE = "linspace"
    LEADING = "leading"
    TRAILING = "trailing"


SPACINGS: Final = (NoiseSchedule.LINSPACE, NoiseSchedule.LEADING, NoiseSchedule.TRAILING)
EVEN_SPACINGS: Final = (NoiseSchedule.LEADING, NoiseSchedule.TRAILING)
"""What is left to samplers of diffusers that take every step to be as long as the other: `linspace` ends half drawn."""

SIGMAS: Final = (NoiseSchedule.KARRAS, NoiseSchedule.EXPONENTIAL, NoiseSchedule.BETA)

MULTISTEP: Final = (
    Scheduler.DPMPP_2M,
    Scheduler.DPMPP_2M_SDE,
    Scheduler.DPMPP_2M_SDE_HEUN,
    Scheduler.DPMPP_3M,
    Scheduler.DPMPP_3M_SDE,
)

FLOW_ONLY: Final = (Scheduler.FLOW_MATCH_EULER, Scheduler.FLOW_MATCH_HEUN, Scheduler.FLOW_MATCH_LCM)

FLOW_SCHEDULERS: Final = (*FLOW_ONLY, *MULTISTEP, Scheduler.DPMPP_2S, Scheduler.DPMPP_SDE, Scheduler.UNIPC)
"""What fits a model that was trained with flow matching."""

DIFFUSION_SCHEDULERS: Final = tuple(s for s in Scheduler if s not in (*FLOW_ONLY, Scheduler.OWN))
"""What fits a model that was trained on noise levels."""

SCHEDULES: Final[dict[Scheduler, tuple[NoiseSchedule, ...]]] = {
    Scheduler.EULER: (*SIGMAS, *SPACINGS),
    Scheduler.EULER_ANCESTRAL: SPACINGS,
    Scheduler.HEUN: (NoiseSchedule.KARRAS, NoiseSchedule.EXPONENTIAL, *SPACINGS),
    Scheduler.DDIM: EVEN_SPACINGS,
    Scheduler.DDPM: SPACINGS,
    **{each: (*SIGMAS, NoiseSchedule.LU, *SPACINGS) for each in MULTISTEP},
    Scheduler.DPMPP_2S: SIGMAS,
    Scheduler.DPMPP_SDE: SIGMAS,
    Scheduler.DPM2: (NoiseSchedule.KARRAS, NoiseSchedule.EXPONENTIAL, *SPACINGS),
    Scheduler.DPM2_ANCESTRAL: (NoiseSchedule.KARRAS, NoiseSchedule.EXPONENTIAL, *SPACINGS),
    Scheduler.LMS: (*SIGMAS, *SPACINGS),
    Scheduler.PNDM: EVEN_SPACINGS,
    Scheduler.DEIS: (*SIGMAS, *SPACINGS),
    Scheduler.UNIPC: (*SIGMAS, *SPACINGS),
    Scheduler.SA_SOLVER: (NoiseSchedule.KARRAS, NoiseSchedule.EXPONENTIAL, *SPACINGS),
    Scheduler.LCM: (),
    Scheduler.TCD: (),
    **dict.fromkeys(FLOW_ONLY, SIGMAS),
    Scheduler.OWN: (),
}
"""The noise schedules that diffusers has for each sampler, beside the one it comes with.

`beta` is not offered where it was found to leave noise in the picture of a model that is a little wrong.
"""


def noise_schedules(scheduler: Scheduler, fitting: Iterable[Scheduler]) -> tuple[NoiseSchedule, ...]:
    """Those that `scheduler` takes on a model that takes the samplers `fitting`: flows have no spacings of steps."""
    taken = SIGMAS if Scheduler.FLOW_MATCH_EULER in fitting else SPACINGS + SIGMAS + (NoiseSchedule.LU,)
    return (NoiseSchedule.AUTOMATIC, *(each for each in SCHEDULES[scheduler] if each in taken))


FROM_NOISE_ONLY: Final = frozenset({Scheduler.PNDM})
"""Samplers of diffusers that lose count where their first step is not the schedule's own first."""

SHOWN: Final = {
    Scheduler.EULER: "Euler",
    Scheduler.EULER_ANCESTRAL: "Euler a",
    Scheduler.HEUN: "Heun",
    Scheduler.DPM2: "DPM2",
    Scheduler.DPM2_ANCESTRAL: "DPM2 a",
    Scheduler.DPMPP_2M: "DPM++ 2M",
    Scheduler.DPMPP_2M_SDE: "DPM++ 2M SDE",
    Scheduler.DPMPP_2M_SDE_HEUN: "DPM++ 2M SDE Heun",
    Scheduler.DPMPP_3M: "DPM++ 3M",
    Scheduler.DPMPP_3M_SDE: "DPM++ 3M SDE",
    Scheduler.DPMPP_2S: "DPM++ 2S",
    Scheduler.DPMPP_SDE: "DPM++ SDE",
    Scheduler.LMS: "LMS",
    Scheduler.DDIM: "DDIM",
    Scheduler.DDPM: "DDPM",
    Scheduler.PNDM: "PLMS",
    Scheduler.DEIS: "DEIS",
    Scheduler.UNIPC: "UniPC",
    Scheduler.SA_SOLVER: "SA Solver",
    Scheduler.LCM: "LCM",
    Scheduler.TCD: "TCD",
    Scheduler.FLOW_MATCH_EULER: "Euler",
    Scheduler.FLOW_MATCH_HEUN: "Heun",
    Scheduler.FLOW_MATCH_LCM: "LCM",
    Scheduler.OWN: "Own",
}
"""The names that AUTOMATIC1111 made customary: its clients send them, and readers of pictures' metadata know them.

A name that two samplers have is the one of them that the model takes.
"""

SHOWN_SCHEDULES: Final = {
    NoiseSchedule.AUTOMATIC: "Automatic",
    NoiseSchedule.LINSPACE: "Uniform",
    NoiseSchedule.KARRAS: "Karras",
    NoiseSchedule.EXPONENTIAL: "Exponential",
    NoiseSchedule.TRAILING: "SGM Uniform",
    NoiseSchedule.LEADING: "DDIM",
    NoiseSchedule.BETA: "Beta",
    NoiseSchedule.LU: "Lu",
}
"""What those clients call the noise schedules."""
