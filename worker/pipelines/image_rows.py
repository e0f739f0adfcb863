"""Pictures to go by that differ row by row of one forward: IP-Adapters (Ye et al. 2023, arXiv:2308.06721).

Each layer that attends to the text attends to the tokens of a picture too, and what comes of it is added, more or less
of it, before the layer's last projection. Stock diffusers keeps one scale a model for that; here every row has its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch.nn.functional import scaled_dot_product_attention

from worker.pipelines.row_guides import Running, Share

Heads = tuple[torch.Tensor, torch.Tensor]
"""Keys and values [heads, tokens, channels of a head]."""


class Projections(NamedTuple):
    """What makes keys and values of the tokens of a picture, for one attention layer."""

    key: torch.nn.Module
    value: torch.nn.Module


@dataclass(eq=False, frozen=True)
class Tokens:
    """What one picture, or the lack of one, is to a model: `states` [tokens, channels] of an IP-Adapter.

    `layers` are the adapter's, by the path of the attention; what they make of the tokens is the same at every step.
    """

    number: int
    states: torch.Tensor
    layers: Mapping[str, Projections]
    _heads: dict[str, Heads] = field(default_factory=dict)

    def heads(self, path: str, count: int) -> Heads | None:
        """Keys and values for the attention at `path`; None where the adapter has no layer."""
        if path not in self._heads:
            if (layer := self.layers.get(path)) is None:
                return None
            made = [by_heads(project(self.states), count).transpose(0, 1) for project in layer]
            self._heads[path] = (made[0], made[1])
        return self._heads[path]


def by_heads(states: torch.Tensor, count: int) -> torch.Tensor:
    """`states` [..., channels] as [..., heads, channels of a head]."""
    return states.view(*states.shape[:-1], count, -1)


def cover_attention(attention: Any, path: str, running: Running) -> None:  # noqa: ANN401 - diffusers' Attention
    """Let `attention`, once, look at the pictures that the forward that runs asks for.

    Its query is what its `to_q` made last; the sum is the input of its last projection. So it is the same whatever
    computes the attention itself.
    """
    if path in running.covered:
        return
    running.covered.add(path)
    queries: list[torch.Tensor] = []

    def asked(module: torch.nn.Module, args: Any, query: torch.Tensor) -> None:  # noqa: ANN401
        if any(isinstance(share.guide, Tokens) for share in running.shares):
            queries[:] = [query]

    def answered(module: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...] | None:
        if not queries:
            return None
        query, attended = queries.pop(), args[0]
        for share in running.shares:
            if isinstance(share.guide, Tokens) and (heads := share.guide.heads(path, attention.heads)) is not None:
                attended = with_picture(attended, query, heads, share, running)
        return (attended, *args[1:])

    attention.to_q.register_forward_hook(asked)
    attention.to_out[0].register_forward_pre_hook(answered)


def with_picture(
    attended: torch.Tensor, query: torch.Tensor, heads: Heads, share: Share, running: Running
) -> torch.Tensor:
    """`attended` [rows, pixels, channels] and what the rows of `share` see in their picture."""
    places, weights = running.share(share, query)
    rows = query if places is None else query[places]
    split = by_heads(rows, heads[0].shape[0]).transpose(1, 2)
    key, value = (each.expand(len(rows), *each.shape) for each in heads)
    seen = scaled_dot_product_attention(split, key, value).transpose(1, 2).flatten(2).to(attended.dtype)
    seen = seen * weights.view(-1, 1, 1)
    return attended + seen if places is None else attended.index_add(0, places, seen)
