"""LoRAs that differ row by row of one forward (Hu et al. 2021, arXiv:2106.09685).

Weights stay as they are; a layer adds to its output what the LoRAs of each row say. So requests with other LoRAs, or
none, share a forward, and none is switched on for anybody else. Which rows ask for what comes with the call, as two
more arguments that have a row each, and is merged and split as the others are.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import torch

from core.catalog.adapter import MOST_LORAS

IDS: Final = "lora_ids"
WEIGHTS: Final = "lora_weights"
"""Arguments [rows, MOST_LORAS] beside a module's own: numbers of LoRAs, 0 for none, and how strongly each."""


class Factors(NamedTuple):
    """What a LoRA adds to one layer: `scale` times `up` of `down` of the layer's input."""

    down: torch.nn.Module
    up: torch.nn.Module
    scale: float


@dataclass(eq=False, frozen=True)
class Lora:
    """A LoRA that is read: its factors by the path of the layer, `unet.….to_q`. No two have the same `number`."""

    number: int
    factors: Mapping[str, Factors]
    size_bytes: int
    notes: tuple[str, ...] = ()


Chosen = tuple[tuple[Lora, float], ...]
"""LoRAs of one request, each with how strongly."""

ASKED: Final[ContextVar[Chosen]] = ContextVar("loras of the request that runs", default=())
"""Every fiber of the engine has a context of its own."""


class Share(NamedTuple):
    """Rows of the forward that runs which ask for `lora`, all where `rows` is None, and how strongly each does."""

    lora: Lora
    rows: torch.Tensor | None
    weights: torch.Tensor


@dataclass(eq=False)
class Running:
    """What the layers of a model heed: the shares of the forward that runs, and its number of rows."""

    shares: tuple[Share, ...] = ()
    rows: int = 0
    covered: set[str] = field(default_factory=set)


@contextmanager
def asking_for(chosen: Chosen) -> Iterator[None]:
    """Meanwhile, calls of this fiber are made with these LoRAs."""
    token = ASKED.set(chosen)
    try:
        yield
    finally:
        ASKED.reset(token)


def tell_rows(module: torch.nn.Module, always: Callable[[], bool]) -> None:
    """Have each call of `module` say which LoRAs its rows ask for; where none is asked for only while `always` holds.

    Calls that say nothing share no forward with those that do.
    """

    def told(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - torch's
        chosen = ASKED.get()
        rows = rows_of([*args, *kwargs.values()]) if chosen or always() else 0
        if not rows:
            return None
        ids, weights = torch.zeros(MOST_LORAS, dtype=torch.int64), torch.zeros(MOST_LORAS)
        for place, (lora, weight) in enumerate(chosen):
            ids[place], weights[place] = lora.number, weight
        return args, {**kwargs, IDS: ids.expand(rows, -1), WEIGHTS: weights.expand(rows, -1)}

    module.register_forward_pre_hook(told, with_kwargs=True)


def rows_of(values: Sequence[Any]) -> int:
    """The length of the batch axis of a call's arguments: of the first tensor that has one, or of a list of such."""
    for value in values:
        if isinstance(value, torch.Tensor) and value.ndim > 1:
            return len(value)
        if isinstance(value, list) and value and isinstance(value[0], torch.Tensor):
            return len(value)
    return 0


def heed_rows(
    module: torch.nn.Module, running: Running, find: Callable[[int], Lora], *, has_graphs: bool = False
) -> None:
    """Let a forward of `module` take what `tell_rows` adds to its call. Without LoRAs it is the forward that was there.

    Where that may be a compiled graph, which knows none of this, it is with them that of the module's class.
    """
    plain: Callable[..., Any] = module.forward
    stock: Callable[..., Any] = type(module).forward.__get__(module) if has_graphs else plain

    @functools.wraps(plain)
    def forward(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the module's own signature
        ids, weights = kwargs.pop(IDS, None), kwargs.pop(WEIGHTS, None)
        shares = () if ids is None else shares_of(ids, weights, find)
        if not shares:
            return plain(*args, **kwargs)
        running.shares, running.rows = shares, len(ids)
        try:
            return stock(*args, **kwargs)
        finally:
            running.shares = ()

    forward.__self__ = module  # type: ignore[attr-defined]  # whose forward it is, as of any bound method
    module.forward = forward


def shares_of(ids: torch.Tensor, weights: torch.Tensor, find: Callable[[int], Lora]) -> tuple[Share, ...]:
    """Who asks for what in a call. Numbers come and go as host tensors: nothing is read back from a device."""
    found: dict[int, dict[int, float]] = {}
    for row, (numbers, strengths) in enumerate(zip(ids.tolist(), weights.tolist(), strict=True)):
        for number, weight in zip(numbers, strengths, strict=True):
            if number and weight:
                found.setdefault(number, {})[row] = weight
    return tuple(
        Share(
            find(number),
            None if len(rows) == len(ids) else torch.tensor(list(rows)),
            torch.tensor(list(rows.values())),
        )
        for number, rows in found.items()
    )


def cover(layer: torch.nn.Module, path: str, running: Running) -> None:
    """Let `layer`, once, add what the forward that runs asks of it."""
    if path in running.covered:
        return
    running.covered.add(path)
    own: Callable[..., torch.Tensor] = layer.forward

    @functools.wraps(own)
    def forward(given: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:  # noqa: ANN401
        output = own(given, *args, **kwargs)
        for share in running.shares:
            if (factors := share.lora.factors.get(path)) is not None:
                add(output, given, share, factors, running.rows)
        return output

    layer.forward = forward


def add(output: torch.Tensor, given: torch.Tensor, share: Share, factors: Factors, rows: int) -> None:
    """Add to `output`, in place, what a LoRA makes of the rows of `given` that ask for it.

    Some modules fold another axis into the rows, as that of frames: then each row of the call has as many here.
    """
    folded, rest = divmod(len(given), rows)
    if rest:
        raise RuntimeError(f"a layer got {len(given)} rows in a call of {rows}")
    weights = share.weights.repeat_interleave(folded).to(output.device, output.dtype) * factors.scale
    shape = (-1, *(1 for _ in output.shape[1:]))
    if share.rows is None:
        output += factors.up(factors.down(given)) * weights.view(shape)
        return
    places = (share.rows[:, None] * folded + torch.arange(folded)).flatten().to(output.device)
    output.index_add_(0, places, factors.up(factors.down(given[places])) * weights.view(shape))
