"""The names that AUTOMATIC1111's clients, and Forge's, have for samplers and noise schedules."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from core.catalog.model import Model
from core.errors import InvalidRequest
from core.schedulers import FROM_NOISE_ONLY, SHOWN, SHOWN_SCHEDULES, NoiseSchedule, Scheduler

ALIASES: Final[dict[Scheduler, tuple[str, ...]]] = {
    Scheduler.EULER: ("k_euler",),
    Scheduler.EULER_ANCESTRAL: ("k_euler_a", "k_euler_ancestral"),
    Scheduler.HEUN: ("k_heun",),
    Scheduler.DPM2: ("k_dpm_2",),
    Scheduler.DPM2_ANCESTRAL: ("k_dpm_2_a", "k_dpm_2_ancestral"),
    Scheduler.DPMPP_2M: ("k_dpmpp_2m",),
    Scheduler.DPMPP_2M_SDE: ("k_dpmpp_2m_sde",),
    Scheduler.DPMPP_2M_SDE_HEUN: ("k_dpmpp_2m_sde_heun",),
    Scheduler.DPMPP_3M_SDE: ("k_dpmpp_3m_sde",),
    Scheduler.DPMPP_SDE: ("k_dpmpp_sde",),
    Scheduler.LMS: ("k_lms",),
    Scheduler.PNDM: ("pndm", "plms"),
    Scheduler.LCM: ("k_lcm",),
    Scheduler.FLOW_MATCH_EULER: ("k_euler", "flow euler"),
    Scheduler.FLOW_MATCH_HEUN: ("k_heun",),
    Scheduler.FLOW_MATCH_LCM: ("k_lcm",),
}
"""What else each goes by, beside its shown name and our own."""

NEAREST: Final = {
    "dpm++ 2s a": Scheduler.DPMPP_SDE,
    "k_dpmpp_2s_a": Scheduler.DPMPP_SDE,
    "dpm fast": Scheduler.DPMPP_2S,
    "k_dpm_fast": Scheduler.DPMPP_2S,
    "dpm adaptive": Scheduler.DPMPP_3M,
    "k_dpm_ad": Scheduler.DPMPP_3M,
    "restart": Scheduler.HEUN,
    "ddim cfg++": Scheduler.DDIM,
    "euler cfg++": Scheduler.EULER,
    "euler a cfg++": Scheduler.EULER_ANCESTRAL,
    "heunpp2": Scheduler.HEUN,
    "ipndm": Scheduler.PNDM,
    "ipndm_v": Scheduler.PNDM,
    "dpm++ 2m turbo": Scheduler.DPMPP_2M,
    "dpm++ 2m sde turbo": Scheduler.DPMPP_2M_SDE,
    "euler a turbo": Scheduler.EULER_ANCESTRAL,
    "dpm++ 2s a turbo": Scheduler.DPMPP_SDE,
}
"""Samplers that diffusers has not, and what comes nearest."""

NEAREST_FOR_FLOWS: Final = {
    Scheduler.EULER_ANCESTRAL: Scheduler.FLOW_MATCH_EULER,
    Scheduler.DPM2: Scheduler.FLOW_MATCH_HEUN,
    Scheduler.DPM2_ANCESTRAL: Scheduler.FLOW_MATCH_HEUN,
    Scheduler.LMS: Scheduler.DPMPP_2M,
    Scheduler.DEIS: Scheduler.DPMPP_2M,
    Scheduler.SA_SOLVER: Scheduler.DPMPP_2M_SDE,
    Scheduler.TCD: Scheduler.FLOW_MATCH_LCM,
}

SCHEDULE_ALIASES: Final = {
    NoiseSchedule.LINSPACE: ("normal",),
    NoiseSchedule.EXPONENTIAL: ("polyexponential",),
    NoiseSchedule.TRAILING: ("sgm_uniform", "simple", "turbo"),
    NoiseSchedule.LEADING: ("ddim_uniform",),
}
"""What else each goes by: polyexponential at those clients' own rho of 1 is exponential."""

NEAREST_SCHEDULES: Final = {
    "kl optimal": NoiseSchedule.KARRAS,
    "kl_optimal": NoiseSchedule.KARRAS,
    "align your steps": NoiseSchedule.KARRAS,
    "align_your_steps": NoiseSchedule.KARRAS,
}

KNOWN_SCHEDULES: Final = {
    name.casefold(): schedule
    for schedule, shown in SHOWN_SCHEDULES.items()
    for name in (shown, schedule.value, *SCHEDULE_ALIASES.get(schedule, ()))
}


@dataclass(frozen=True, slots=True)
class Sampling:
    """What to draw with; `notes` say where that is not what was asked for."""

    scheduler: Scheduler
    noise_schedule: NoiseSchedule
    notes: tuple[str, ...]


def sampling_for(name: str | None, schedule: str | None, model: Model, strength: float = 1.0) -> Sampling:
    """The sampler and noise schedule that a call names; the nearest that `model` takes, with a note, if it has not.

    Clients send their favourite to every model. Raises InvalidRequest for a name that nobody knows.
    """
    plain, behind = split(name or "")
    notes: list[str] = []
    scheduler = _scheduler(plain, name or "", model, notes)
    if scheduler in FROM_NOISE_ONLY and strength < 1 and Scheduler.DDIM in model.schedulers:
        notes.append(f"sampler '{SHOWN[scheduler]}' starts from pure noise: '{SHOWN[Scheduler.DDIM]}' was taken")
        scheduler = Scheduler.DDIM
    asked = schedule if schedule and schedule.casefold() != "automatic" else behind
    return Sampling(scheduler, _schedule(asked, scheduler, model, notes), tuple(notes))


def split(name: str) -> tuple[str, str]:
    """A sampler's name and the noise schedule that older clients put behind it, both in small letters."""
    plain = name.strip().casefold()
    if plain in _known() or plain in NEAREST:
        return plain, ""
    ends = sorted([*KNOWN_SCHEDULES, *NEAREST_SCHEDULES], key=len, reverse=True)
    for schedule in ends:
        for end in (f" {schedule}", f"_{'ka' if schedule == 'karras' else schedule}"):
            if plain.endswith(end):
                return plain.removesuffix(end), schedule
    return plain, ""


def _known() -> dict[str, tuple[Scheduler, ...]]:
    """The samplers that each name may mean, in small letters."""
    known: dict[str, tuple[Scheduler, ...]] = {}
    for scheduler, shown in SHOWN.items():
        for name in dict.fromkeys((shown.casefold(), scheduler.value, *ALIASES.get(scheduler, ()))):
            known[name] = (*known.get(name, ()), scheduler)
    return known


def _scheduler(plain: str, said: str, model: Model, notes: list[str]) -> Scheduler:
    if plain in ("", "automatic"):
        return model.scheduler
    known = _known()
    meant = known.get(plain) or ((NEAREST[plain],) if plain in NEAREST else None)
    if meant is None:
        raise InvalidRequest(
            f"there is no sampler '{said[:60]}'; {suggestion(plain, SHOWN.values())}", param="sampler_name"
        )
    if plain in NEAREST and model.scheduler is not Scheduler.OWN:
        meant = (*meant, *known[SHOWN[meant[0]].casefold()])
    candidates = (*meant, *(NEAREST_FOR_FLOWS[each] for each in meant if each in NEAREST_FOR_FLOWS))
    taken = next((each for each in candidates if each in model.schedulers), model.scheduler)
    if plain in NEAREST or taken not in meant:
        notes.append(f"model '{model.id}' has no sampler '{said[:60]}': the nearest, '{SHOWN[taken]}', was taken")
    return taken


def _schedule(asked: str, scheduler: Scheduler, model: Model, notes: list[str]) -> NoiseSchedule:
    plain = asked.strip().casefold()
    if plain in ("", "automatic"):
        return NoiseSchedule.AUTOMATIC
    found = KNOWN_SCHEDULES.get(plain) or NEAREST_SCHEDULES.get(plain)
    if found is None:
        raise InvalidRequest(
            f"there is no schedule type '{asked[:60]}'; {suggestion(plain, SHOWN_SCHEDULES.values())}",
            param="noise_schedule",
        )
    taken = found if found in model.noise_schedules[scheduler] else NoiseSchedule.AUTOMATIC
    if plain in NEAREST_SCHEDULES or taken is not found:
        notes.append(
            f"sampler '{SHOWN[scheduler]}' of model '{model.id}' has no schedule type '{asked[:60]}': "
            f"'{SHOWN_SCHEDULES[taken]}' was taken"
        )
    return taken


def suggestion(name: str, shown: Iterable[str]) -> str:
    """What may have been meant, and all that there is."""
    offered = {each.casefold(): each for each in shown}
    near = difflib.get_close_matches(name, offered, n=1)
    every = ", ".join(f"'{each}'" for each in offered.values())
    return f"did you mean '{offered[near[0]]}'? There are {every}" if near else f"there are {every}"


def samplers_of(models: Iterable[Model]) -> dict[str, tuple[str, ...]]:
    """The names of all samplers that some of `models` takes, and what else each goes by."""
    taken = {scheduler for model in models for scheduler in model.schedulers}
    listed: dict[str, tuple[str, ...]] = {}
    for scheduler, shown in SHOWN.items():
        if scheduler in taken:
            others = (*ALIASES.get(scheduler, ()), scheduler.value)
            listed[shown] = tuple(dict.fromkeys((*listed.get(shown, ()), *others)))
    return listed


def schedules_of(models: Iterable[Model]) -> list[tuple[str, str, tuple[str, ...]]]:
    """Name, label and aliases of all noise schedules that some of `models` takes with one of its samplers."""
    taken = {schedule for model in models for some in model.noise_schedules.values() for schedule in some}
    return [
        (shown.casefold().replace(" ", "_"), shown, (schedule.value, *SCHEDULE_ALIASES.get(schedule, ())))
        for schedule, shown in SHOWN_SCHEDULES.items()
        if schedule in taken
    ]
