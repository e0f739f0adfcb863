"""The samplers that a request may name, by the field's own words."""

from __future__ import annotations

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
    UNIPC = "unipc"
    LCM = "lcm"
    FLOW_MATCH_EULER = "flow-match-euler"
    OWN = "own"
    """The one that the model came with, as it is configured."""


SHOWN: Final = {
    Scheduler.EULER: "Euler",
    Scheduler.EULER_ANCESTRAL: "Euler a",
    Scheduler.HEUN: "Heun",
    Scheduler.DPMPP_2M: "DPM++ 2M",
    Scheduler.DDIM: "DDIM",
    Scheduler.DDPM: "DDPM",
    Scheduler.UNIPC: "UniPC",
    Scheduler.LCM: "LCM",
    Scheduler.FLOW_MATCH_EULER: "Flow Euler",
    Scheduler.OWN: "Own",
}
"""The names that AUTOMATIC1111 made customary: its clients send them, and readers of pictures' metadata know them."""
