"""How many rows memory has room for: what the largest forward of a module took, scaled to rows and size.

A module that has not run yet counts as fitting: for its first forward the tuner allows a few rows,
and what does not fit after all meets the ladder of `worker.engine.forward`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakKeyDictionary

from worker.contract import Meter

SHARE: Final = 0.8
"""Of what is free; the rest is for fragments, for other processes and for what an estimate misses."""

Module = Callable[..., Any]
"""A module's method, which is known for as long as the module is loaded."""


class MemoryModel:
    """What forwards took, module by module; nothing is bounded without a `meter`.

    `cells` is the size of a forward's input: rows times the elements of one row.
    """

    def __init__(self, meter: Meter | None = None) -> None:
        self._meter = meter
        self._largest: WeakKeyDictionary[Module, tuple[int, int]] = WeakKeyDictionary()

    def begin(self) -> None:
        """A forward is about to run."""
        if self._meter is not None:
            self._meter.begin()

    def ran(self, module: Module, cells: int) -> None:
        """A forward of `cells` that began at `begin` is done."""
        if self._meter is not None and cells > self._largest.get(module, (0, 0))[0]:
            self._largest[module] = (cells, self._meter.taken())

    def models_left(self) -> None:
        """A model was dropped, and took with it memory that forwards before this moment were counted by."""
        if self._meter is not None:
            self._meter.start_over()

    def rows(self, module: Module, cells_per_row: int) -> float:
        """The rows that fit into a forward of `module`: one at least, for which the ladder has more to offer."""
        cells, taken = self._largest.get(module, (0, 0))
        free = self._meter.free() if self._meter is not None and taken > 0 else None
        if free is None:
            return math.inf
        return max(1, int(SHARE * free * cells / (taken * cells_per_row)))
