"""The names that AUTOMATIC1111's clients have for samplers."""

from __future__ import annotations

from typing import Final

from core.catalog.model import Model
from core.errors import InvalidRequest
from core.schedulers import SHOWN, Scheduler

ALIASES: Final[dict[Scheduler, tuple[str, ...]]] = {
    Scheduler.EULER: ("k_euler",),
    Scheduler.EULER_ANCESTRAL: ("k_euler_a", "k_euler_ancestral"),
    Scheduler.HEUN: ("k_heun",),
    Scheduler.DPMPP_2M: ("k_dpmpp_2m",),
    Scheduler.DDIM: ("ddim",),
    Scheduler.DDPM: ("ddpm",),
    Scheduler.UNIPC: ("unipc",),
    Scheduler.LCM: ("k_lcm",),
    Scheduler.FLOW_MATCH_EULER: ("flow-match-euler",),
    Scheduler.OWN: (),
}
"""What else each goes by, beside its shown name."""

NOISE_SCHEDULES: Final = (" karras", " exponential", " automatic", " uniform")
"""What older clients put behind a sampler's name; a model's own schedule is used here."""

KNOWN: Final = {
    name.casefold(): scheduler
    for scheduler, shown in SHOWN.items()
    for name in (shown, scheduler.value, *ALIASES[scheduler])
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
        names = ", ".join(f"'{shown}'" for shown in SHOWN.values())
        raise InvalidRequest(f"there is no sampler '{name[:60]}'; there are {names}", param="sampler_name")
    return found if found in model.schedulers else model.scheduler
