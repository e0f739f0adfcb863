"""LoRAs that differ row by row of one forward (Hu et al. 2021, arXiv:2106.09685).

A layer adds to its output what the LoRAs of each row say.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import torch
from torch.nn import functional

from worker.pipelines.row_guides import Running, Share

MOST_RANKS: Final = 128
"""Channels between the factors of several LoRAs up to which one wide product costs less than many narrow ones."""


class Factors(NamedTuple):
    """What a LoRA adds to one layer: `scale` times `up` of `down` of the layer's input."""

    down: torch.nn.Module
    up: torch.nn.Module
    scale: float


@dataclass(eq=False, frozen=True)
class Lora:
    """A LoRA that is read: its factors by the path of the layer, `unet.….to_q`."""

    number: int
    factors: Mapping[str, Factors]
    size_bytes: int
    notes: tuple[str, ...] = ()


def cover(layer: torch.nn.Module, path: str, running: Running) -> None:
    """Let `layer`, once, add what the forward that runs asks of it."""
    if path in running.covered:
        return
    running.covered.add(path)
    own: Callable[..., torch.Tensor] = layer.forward

    @functools.wraps(own)
    def forward(given: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:  # noqa: ANN401
        output = own(given, *args, **kwargs)
        wanted = [
            (share, factors)
            for share in running.shares
            if isinstance(share.guide, Lora) and (factors := share.guide.factors.get(path)) is not None
        ]
        if len(wanted) > 1 and can_be_joined([factors for _, factors in wanted]):
            add_together(output, given, wanted, running)
        else:
            for share, factors in wanted:
                add(output, given, share, factors, running)
        return output

    layer.forward = forward


def can_be_joined(factors: Sequence[Factors]) -> bool:
    """Whether one product with all of them is the same as one with each, and costs less."""
    return sum(map(rank_of, factors)) <= MOST_RANKS and all(getattr(each.up, "bias", None) is None for each in factors)


def rank_of(factors: Factors) -> int:
    """The channels between its two factors."""
    weight: torch.Tensor = factors.down.weight  # type: ignore[assignment]  # a linear layer or a convolution
    return len(weight)


def add_together(
    output: torch.Tensor, given: torch.Tensor, wanted: Sequence[tuple[Share, Factors]], running: Running
) -> None:
    """Add to `output`, in place, what several LoRAs make of `given`, by one product with all of their factors.

    Between the two each row keeps the channels of those that it asks for, as strongly as it does.
    """
    ranks = [rank_of(factors) for _, factors in wanted]
    strengths = given.new_zeros(len(given), sum(ranks))
    begin = 0
    for (share, factors), rank in zip(wanted, ranks, strict=True):
        places, weights = running.share(share, given)
        rows = slice(None) if places is None else places
        strengths[rows, begin : begin + rank] = (weights * factors.scale)[:, None]
        begin += rank
    downs: Any = [factors.down for _, factors in wanted]
    ups: Any = [factors.up for _, factors in wanted]
    down, up = torch.cat([each.weight for each in downs]), torch.cat([each.weight for each in ups], dim=1)
    if isinstance(downs[0], torch.nn.Conv2d):
        first = downs[0]
        inner = functional.conv2d(given, down, None, first.stride, first.padding, first.dilation)
        output += functional.conv2d(inner * strengths[:, :, None, None], up)
    else:
        inner = functional.linear(given, down)
        output += functional.linear(inner * strengths.view(len(given), *(1 for _ in given.shape[2:]), -1), up)


def add(output: torch.Tensor, given: torch.Tensor, share: Share, factors: Factors, running: Running) -> None:
    """Add to `output`, in place, what a LoRA makes of the rows of `given` that ask for it."""
    places, weights = running.share(share, given)
    scales = (weights * factors.scale).view(-1, *(1 for _ in output.shape[1:]))
    if places is None:
        output += factors.up(factors.down(given)) * scales
    else:
        output.index_add_(0, places, factors.up(factors.down(given[places])) * scales)
