"""Decides which parked calls run next, fairly between sizes and between requests.

Prompts are encoded before all else. Requests of one model whose rows are of one shape form a lane. Lanes take turns by
deficit round robin, counted in what their rows cost, so a large picture pays for its forwards and a small one never
waits for more than one of them. Inside a lane pictures go through the autoencoder first, then the request with the
fewest steps left, and each turn that a request is passed over counts as a step less, so that no stream of short
requests can hold a long one up for ever.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence

from core.jobs import STEPPED
from worker.contract import Lane
from worker.engine.batch_size_tuner import FIRST_OF_VAE, FIRST_ROWS, BatchSizeTuner
from worker.engine.calls import Call
from worker.engine.fibers import Fiber
from worker.engine.memory_model import MemoryModel


class BatchScheduler:
    """Picks one group of fibers at a time, whose calls may be merged, of no more rows than pay and fit.

    Calls of equal `merge_key` may, if what is added to them is of one form or nothing.
    """

    def __init__(
        self,
        tuner: BatchSizeTuner,
        memory: MemoryModel | None = None,
        merge_key: Callable[[Call], Hashable] = lambda call: call.key,
    ) -> None:
        self._merge_key = merge_key
        self._tuner = tuner
        self._memory = memory or MemoryModel()
        self._credit: dict[Lane, float] = {}

    def choose(self, fibers: Sequence[Fiber]) -> list[Fiber]:
        """The fibers to run now; those of the same lane that are left out are a turn nearer to theirs."""
        prompts = [fiber for fiber in fibers if fiber.call.reuse_key is not None]
        if prompts:
            # Cheap beside a denoising step, whatever the size, and until it is done the request cannot share one.
            return self._group(prompts)
        lanes: dict[Lane, list[Fiber]] = {}
        for fiber in fibers:
            lanes.setdefault(fiber.drawing.request.lane, []).append(fiber)
        groups = {lane: self._group(members) for lane, members in lanes.items()}
        if not groups:
            return []
        lane = self._spend(groups)
        for fiber in lanes[lane]:
            fiber.skipped += fiber not in groups[lane]
        return groups[lane]

    def _group(self, fibers: Sequence[Fiber]) -> list[Fiber]:
        """The most urgent fiber and, by urgency, those whose calls merge with its own, while rows are left."""
        # Nets before the denoiser that adds what they make: else it would run without those that still wait for theirs.
        ordered = sorted(fibers, key=lambda fiber: (not fiber.call.prepares, urgency(fiber)))
        call = ordered[0].call
        key = self._merge_key(call)
        is_of_vae = ordered[0].stage not in STEPPED and call.reuse_key is None
        first = FIRST_OF_VAE if is_of_vae else FIRST_ROWS
        limit = min(self._tuner.limit(ordered[0].kind, first), self._memory.rows(call.function, call.cells_per_row))
        group: list[Fiber] = []
        rows = 0
        residuals: Hashable | None = None
        for fiber in ordered:
            added = fiber.call.residual_form
            fits = not group or rows + fiber.call.rows <= limit
            if fits and self._merge_key(fiber.call) == key and (added is None or residuals in (None, added)):
                group.append(fiber)
                rows += fiber.call.rows
                residuals = added if residuals is None else residuals
        return group

    def _spend(self, groups: dict[Lane, list[Fiber]]) -> Lane:
        """Deficit round robin: hand out credit by equal rounds until one lane can pay for its group; it pays."""
        costs = {lane: cost(group) for lane, group in groups.items()}
        # A new lane can pay at once: its first wait is the forward already under way, and no longer.
        credit = {lane: self._credit.get(lane, price) for lane, price in costs.items()}
        quantum = min(costs.values())
        rounds = {lane: max(0, math.ceil((costs[lane] - credit[lane]) / quantum)) for lane in groups}
        lane = min(groups, key=lambda lane: (rounds[lane], urgency(groups[lane][0])))
        self._credit = {each: credit[each] + rounds[lane] * quantum for each in groups}
        self._credit[lane] -= costs[lane]
        return lane


def urgency(fiber: Fiber) -> int:
    """Steps left, less the turns passed over; the lower the sooner."""
    left = fiber.remaining if fiber.stage in STEPPED else 0
    return left - fiber.skipped


def cost(group: Sequence[Fiber]) -> int:
    """What one forward of the group costs, in pixels times frames of all its rows."""
    return sum(fiber.call.rows for fiber in group) * group[0].drawing.request.row_cost
