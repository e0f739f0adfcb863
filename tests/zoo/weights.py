"""Weights that a constructor leaves at zero, made random: trained ones are not zero, and at zero no prompt is heard."""

from __future__ import annotations

from typing import TypeVar

from torch import nn

Made = TypeVar("Made", bound=nn.Module)


def awakened(model: Made) -> Made:
    """`model`, its matrices of zeros filled at random."""
    for weight in model.parameters():
        if weight.ndim > 1 and not weight.any():
            nn.init.normal_(weight, std=0.2)
    return model.eval()
