"""The samplers that a request may name, by the field's own words."""

from __future__ import annotations

from enum import StrEnum


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
