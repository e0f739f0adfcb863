"""Decides which parked calls run next, fairly between sizes and between requests. Knows no tensors.

Prompts are encoded before all else. Requests of one model and size form a lane. Lanes take turns by deficit round
robin, counted in row-pixels, so a large picture pays for its forwards and a small one never waits for more than one of
them. Inside a lane pictures go through the autoencoder first, then the request with the fewest steps left, and each
turn that a request is passed over counts as a step less, so that no stream of short requests can hold a long one up for
ever.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from core.jobs import Stage
from worker.engine.budget import FIRST_OF_VAE, FIRST_ROWS, Budget
from worker.engine.room import Room
from worker.engine.strands import Strand

Lane = tuple[str, int, int]


class Turns:
    """Picks one group of strands at a time, whose calls may be merged, of no more rows than pay and fit."""

    def __init__(self, budget: Budget, room: Room | None = None) -> None:
        self._budget = budget
        self._room = room or Room()
        self._credit: dict[Lane, float] = {}

    def choose(self, strands: Sequence[Strand]) -> list[Strand]:
        """The strands to run now; those of the same lane that are left out are a turn nearer to theirs."""
        prompts = [strand for strand in strands if strand.call.reuse_key is not None]
        if prompts:
            # Cheap beside a denoising step, whatever the size, and until it is done the request cannot share one.
            return self._group(prompts)
        lanes: dict[Lane, list[Strand]] = {}
        for strand in strands:
            lanes.setdefault(lane_of(strand), []).append(strand)
        groups = {lane: self._group(members) for lane, members in lanes.items()}
        if not groups:
            return []
        lane = self._spend(groups)
        for strand in lanes[lane]:
            strand.skipped += strand not in groups[lane]
        return groups[lane]

    def _group(self, strands: Sequence[Strand]) -> list[Strand]:
        """The most urgent strand and, by urgency, those whose calls merge with its own, while rows are left."""
        ordered = sorted(strands, key=urgency)
        call = ordered[0].call
        key = call.key
        is_of_vae = ordered[0].stage is not Stage.DENOISE and call.reuse_key is None
        first = FIRST_OF_VAE if is_of_vae else FIRST_ROWS
        limit = min(self._budget.limit(ordered[0].kind, first), self._room.rows(call.function, call.cells_per_row))
        group: list[Strand] = []
        rows = 0
        for strand in ordered:
            if strand.call.key == key and (not group or rows + strand.call.rows <= limit):
                group.append(strand)
                rows += strand.call.rows
        return group

    def _spend(self, groups: dict[Lane, list[Strand]]) -> Lane:
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


def lane_of(strand: Strand) -> Lane:
    request = strand.drawing.request
    return request.model, request.width, request.height


def urgency(strand: Strand) -> int:
    """Steps left, less the turns passed over; the lower the sooner."""
    left = strand.remaining if strand.stage is Stage.DENOISE else 0
    return left - strand.skipped


def cost(group: Sequence[Strand]) -> int:
    """Row-pixels of one forward."""
    request = group[0].drawing.request
    return sum(strand.call.rows for strand in group) * request.width * request.height
