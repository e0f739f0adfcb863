"""The compiled graphs of one module for one signature: which rows each is for, and whether it can be trusted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import torch
from torch.utils import _pytree as pytree

from worker.backends.graph_files import Source
from worker.backends.signatures import Described, Signature, filled

logger = logging.getLogger(__name__)

SIZES: Final = (16, 8, 4, 2, 1)
"""Numbers of rows that graphs are compiled for: each holds weights of its own, and more rows at once gain nothing."""

SMALL_BYTES: Final = 256 * 2**20
"""Of a module's weights, which each size has again: up to here all sizes are made as soon as one is wanted."""

MOST_PARTS: Final = 3
"""Where memory did not allow every size, a call is not cut into more of the others: torch is faster then."""

PATIENCE: Final = 2
"""Calls of a signature before a graph is made for it: what comes once, as the picture that previews are fitted to, does
not pay for one."""

TOLERANCE: Final = 2e-5
"""By how much an output may differ from torch's, as a share of its length."""
PIXEL_TOLERANCE: Final = 1e-4
"""By how much any one number may, as a share of the largest."""


class Compiled(Protocol):
    """A graph for one number of rows."""

    def run(self, tensors: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """The outputs."""


class Graphs:
    """Answers calls of one signature from graphs as far as they are there; `want` is told of sizes that are missing.

    `answered` counts the calls that it did, of those that it was `asked`; `refusal` says why it does none any more;
    `path` is the file that all sizes are compiled from, once it is there.
    """

    def __init__(
        self, source: Source, signature: Signature, sizes: tuple[int, ...], want: Callable[[Graphs, int], None]
    ) -> None:
        self.source = source
        self.signature = signature
        self._sizes = sizes
        self._all_sizes = sizes
        self.path: Path | None = None
        self._want = want
        self._wanted: set[int] = set()
        self.asked = 0
        self._ready: dict[int, Compiled] = {}
        self._proven: set[int] = set()
        self._output: pytree.TreeSpec | None = None
        self._is_small = is_small(source.module)
        self.refusal: str | None = None
        self.answered = 0

    def add(self, size: int, graph: Compiled) -> None:
        """There is a graph for `size` rows now; any thread may say so."""
        self._ready[size] = graph

    def deny(self, size: int) -> None:
        """There will be none for `size` rows."""
        self._sizes = tuple(each for each in self._sizes if each != size)

    def refuse(self, reason: str) -> None:
        """No graph is used from now on, and none is kept."""
        self.refusal = reason
        self._ready = {}
        logger.warning("drawing without compiled graphs", extra={"component": self.name, "reason": reason})

    def run(self, call: Described, eager: Callable[..., Any]) -> Any | None:  # noqa: ANN401 - what the module returns
        """The output of `call`, or None where torch has to compute it; `eager` is what the module does by itself."""
        self.asked += 1
        if self.asked < PATIENCE:
            return None
        parts = parts_of(call.rows, self._sizes)
        if self._sizes != self._all_sizes and len(parts) > MOST_PARTS:
            return None
        ready = self._ready  # as it is now: the thread that compiles may refuse them all meanwhile
        missing = {size for size in parts if size not in ready}
        if missing - self._wanted:
            self._have_made(missing)
        if missing or not parts:
            return None
        outputs: list[tuple[torch.Tensor, ...]] = []
        start = 0
        for size in parts:
            tensors = self.signature.part(call.tensors, start, size)
            output = ready[size].run(tensors)
            if size not in self._proven:
                expected, self._output = pytree.tree_flatten(eager(**filled(self.signature.layout, tensors)))
                if not alike(output, expected):
                    self.refuse("its output differs from that of torch")
                    return None
                self._proven.add(size)
            outputs.append(output)
            start += size
        self.answered += 1
        assert self._output is not None  # noqa: S101 - a size was proven, or this call proved one
        return pytree.tree_unflatten(joined(outputs), self._output)

    def _have_made(self, sizes: set[int]) -> None:
        """Want these sizes now; and of a small module all others behind them, before a crowd asks for them."""
        others = self._sizes if self._is_small else ()
        for size in [*sorted(sizes), *others]:
            if size not in self._wanted:
                self._wanted.add(size)
                self._want(self, size)

    @property
    def name(self) -> str:
        """Which module it is, for the log."""
        return f"{type(self.source.owner).__name__}.{self.source.part or 'forward'}"


def is_small(module: Any) -> bool:  # noqa: ANN401 - a component of a pipeline, which may be none
    """Whether a copy of its weights for each size is nothing to speak of."""
    return isinstance(module, torch.nn.Module) and sum(each.nbytes for each in module.parameters()) <= SMALL_BYTES


def parts_of(rows: int, sizes: Sequence[int]) -> list[int]:
    """`rows` as a sum of sizes, the largest first; empty where it is none."""
    parts: list[int] = []
    left = rows
    for size in sorted(sizes, reverse=True):
        parts += [size] * (left // size)
        left %= size
    return [] if left else parts


def joined(outputs: Sequence[tuple[torch.Tensor, ...]]) -> tuple[torch.Tensor, ...]:
    """The outputs of all parts, row after row."""
    if len(outputs) == 1:
        return outputs[0]
    return tuple(torch.cat(column) for column in zip(*outputs, strict=True))


def alike(output: Sequence[torch.Tensor], expected: Sequence[Any]) -> bool:
    """Whether a graph's outputs are what torch computed, one after the other, but for rounding."""
    return len(output) == len(expected) and all(map(near, output, expected))


def near(one: torch.Tensor, other: Any) -> bool:  # noqa: ANN401
    """Whether `one` is `other` within the tolerances."""
    if not isinstance(other, torch.Tensor) or one.shape != other.shape or not torch.isfinite(one).all():
        return False
    off = one - other
    return bool(
        torch.linalg.vector_norm(off) <= TOLERANCE * torch.linalg.vector_norm(other)
        and off.abs().max() <= PIXEL_TOLERANCE * other.abs().max().clamp(min=1.0)
    )
