"""The names that AUTOMATIC1111's clients have for samplers."""

from __future__ import annotations

from typing import Final

from core.catalog.model import Model
from core.errors import InvalidRequest
from core.schedulers import Scheduler

NAMES: Final[dict[Scheduler, tuple[str, tuple[str, ...]]]] = {
    Scheduler.EULER: ("Euler", ("k_euler",)),
    Scheduler.EULER_ANCESTRAL: ("Euler a", ("k_euler_a", "k_euler_ancestral")),
    Scheduler.HEUN: ("Heun", ("k_heun",)),
    Scheduler.DPMPP_2M: ("DPM++ 2M", ("k_dpmpp_2m",)),
    Scheduler.DDIM: ("DDIM", ("ddim",)),
    Scheduler.DDPM: ("DDPM", ("ddpm",)),
    Scheduler.UNIPC: ("UniPC", ("unipc",)),
    Scheduler.LCM: ("LCM", ("k_lcm",)),
    Scheduler.FLOW_MATCH_EULER: ("Flow Euler", ("flow-match-euler",)),
}
"""The shown name of each, and what else it goes by."""

NOISE_SCHEDULES: Final = (" karras", " exponential", " automatic", " uniform")
"""What older clients put behind a sampler's name; a model's own schedule is used here."""

KNOWN: Final = {
    name.casefold(): scheduler
    for scheduler, (shown, aliases) in NAMES.items()
    for name in (shown, scheduler.value, *aliases)
}


def scheduler_for(name: str | None, model: Model) -> Scheduler:
    """The sampler of that name; the model's own if there is no name or the model cannot use that one.

    Clients send their favourite to every model. Raises InvalidRequest for a name that we do not know.
    """
    if not name or name.casefold() == "automatic":
        return model.scheduler
    plain = name.casefold()
    for schedule in NOISE_SCHEDULES:
        plain = plain.removesuffix(schedule)
    found = KNOWN.get(plain)
    if found is None:
        names = ", ".join(f"'{shown}'" for shown, _ in NAMES.values())
        raise InvalidRequest(f"there is no sampler '{name[:60]}'; there are {names}", param="sampler_name")
    return found if found in model.schedulers else model.scheduler
