"""What guides some rows of a forward and not others: LoRAs, and pictures to go by.

Weights stay as they are; layers heed, for each row, what its request asks for. So requests with other adapters, or
none, share a forward, and none is switched on for anybody else. Which rows ask for what comes with the call, as two
more arguments that have a row each, and is merged and split as the others are.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

import torch

from core.catalog.adapter import MOST_LORAS, MOST_REFERENCES

IDS: Final = "guide_ids"
WEIGHTS: Final = "guide_weights"
"""Arguments [rows, MOST_GUIDES] beside a module's own: numbers of guides, 0 for none, and how strongly each."""

MOST_GUIDES: Final = MOST_LORAS + MOST_REFERENCES

NUMBERS: Final = itertools.count(1)
"""Of guides in calls: one that is read again is another one, so that no memory of an earlier one is taken for its."""


class Guide(Protocol):
    """Something that rows may ask for. No two have the same `number`."""

    @property
    def number(self) -> int: ...


Chosen = tuple[tuple[Guide, float], ...]
"""What rows ask for, each with how strongly."""


class Asked(NamedTuple):
    """What one request asks for: of every module, and of the denoiser's rows with its prompt, and without it.

    Rows without the prompt are those of classifier-free guidance: the first half of them, where it is `guided`.
    """

    everywhere: Chosen = ()
    prompted: Chosen = ()
    unprompted: Chosen = ()
    guided: Callable[[], bool] = bool


NOTHING: Final = Asked()
ASKED: Final[ContextVar[Asked]] = ContextVar("what the request that runs asks for", default=NOTHING)
"""Every fiber of the engine has a context of its own."""


class Share(NamedTuple):
    """Rows of the forward that runs which ask for `guide`, all where `rows` is None, and how strongly each does."""

    guide: Any
    rows: torch.Tensor | None
    weights: torch.Tensor


@dataclass(eq=False)
class Running:
    """What the layers of a model heed: the shares of the forward that runs, and its number of rows."""

    shares: tuple[Share, ...] = ()
    rows: int = 0
    covered: set[str] = field(default_factory=set)

    def share(self, share: Share, given: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor]:
        """The places of `share` among the rows of `given`, None for all, and the weight of each.

        Some modules fold another axis into the rows, as that of frames: then each row of the call has as many here.
        """
        folded, rest = divmod(len(given), self.rows)
        if rest:
            raise RuntimeError(f"a layer got {len(given)} rows in a call of {self.rows}")
        weights = share.weights.repeat_interleave(folded).to(given.device, given.dtype)
        if share.rows is None:
            return None, weights
        return (share.rows[:, None] * folded + torch.arange(folded)).flatten().to(given.device), weights


@contextmanager
def asking_for(asked: Asked) -> Iterator[None]:
    """Meanwhile, calls of this fiber are made with these guides."""
    token = ASKED.set(asked)
    try:
        yield
    finally:
        ASKED.reset(token)


def tell_rows(module: torch.nn.Module, always: Callable[[], bool], *, denoises: bool) -> None:
    """Have each call of `module` say what its rows ask for; where they ask for nothing only while `always` holds.

    Calls that say nothing share no forward with those that do.
    """

    def before(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - torch's
        asked = ASKED.get()
        own = asked.prompted if denoises else ()
        rows = rows_of([*args, *kwargs.values()]) if asked.everywhere or own or always() else 0
        if not rows:
            return None
        ids, weights = torch.zeros(rows, MOST_GUIDES, dtype=torch.int64), torch.zeros(rows, MOST_GUIDES)
        without = rows // 2 if own and asked.guided() else 0
        for row in range(rows):
            told = asked.unprompted if row < without else own
            for place, (guide, weight) in enumerate((*asked.everywhere, *told)):
                ids[row, place], weights[row, place] = guide.number, weight
        return args, {**kwargs, IDS: ids, WEIGHTS: weights}

    module.register_forward_pre_hook(before, with_kwargs=True)


def rows_of(values: Sequence[Any]) -> int:
    """The length of the batch axis of a call's arguments: of the first tensor that has one, or of a list of such."""
    for value in values:
        if isinstance(value, torch.Tensor) and value.ndim > 1:
            return len(value)
        if isinstance(value, list) and value and isinstance(value[0], torch.Tensor):
            return len(value)
    return 0


def heed_rows(
    module: torch.nn.Module, running: Running, find: Callable[[int], Guide], *, has_graphs: bool = False
) -> None:
    """Let a forward of `module` take what `tell_rows` adds to its call. Without guides it is as it was.

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
    # Graphs are made for one form of calls: those with residuals would take the others away from theirs.
    forward.keeps_residuals_apart = has_graphs  # type: ignore[attr-defined]
    module.forward = forward


def shares_of(ids: torch.Tensor, weights: torch.Tensor, find: Callable[[int], Guide]) -> tuple[Share, ...]:
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
