"""How many rows of one kind of call may run in one forward: learned from the forwards themselves. Knows no tensors.

A kind starts with a few requests' rows and doubles for as long as doubling pays: where more rows no longer make a
row cheaper they only make everybody wait longer. What memory refused is not asked for again.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

FIRST_ROWS: Final = 8
SAMPLES: Final = 3
"""Full forwards before a limit is judged; the fastest counts, since noise only ever slows."""
WORTH_IT: Final = 0.97
"""A row has to get cheaper by this much, or the knee is reached."""
RETRY_AFTER: Final = 500
"""Full forwards before a settled limit is judged again: a busy moment may have hidden a gain, or made one up."""


@dataclass(slots=True)
class Profile:
    """What is known of one kind of call. `seconds_per_row` is the best seen by number of rows."""

    limit: int
    ceiling: int
    samples: int = 0
    settled: bool = False
    seconds_per_row: dict[int, float] = field(default_factory=dict)


class Budget:
    """Row limits by kind of call; never more than `max_rows`."""

    def __init__(self, max_rows: int) -> None:
        self._max_rows = max_rows
        self._profiles: dict[Hashable, Profile] = {}

    def limit(self, kind: Hashable) -> int:
        """Rows that the next forward may have; a single request may always run, whatever its rows."""
        return self._profile(kind).limit

    def is_settled(self, kind: Hashable) -> bool:
        """Whether the next forward's time is of no interest."""
        profile = self._profile(kind)
        return profile.settled and profile.samples < RETRY_AFTER

    def ran(self, kind: Hashable, rows: int, seconds: float) -> None:
        """A forward of `rows` rows took `seconds`."""
        profile = self._profile(kind)
        best = profile.seconds_per_row
        best[rows] = min(seconds / rows, best.get(rows, seconds / rows))
        if rows < profile.limit:
            return
        profile.samples += 1
        if profile.samples >= (RETRY_AFTER if profile.settled else SAMPLES):
            self._judge(profile)

    def ran_out_of_memory(self, kind: Hashable, rows: int) -> None:
        """A forward of `rows` rows did not fit: half as many from now on."""
        profile = self._profile(kind)
        profile.ceiling = max(1, rows // 2)
        profile.limit = min(profile.limit, profile.ceiling)

    def _judge(self, profile: Profile) -> None:
        """Double the limit if that many rows are cheaper than half as many; else go back to the cheapest number."""
        best = profile.seconds_per_row
        full = min(seconds for rows, seconds in best.items() if rows >= profile.limit)
        fewer = {rows: seconds for rows, seconds in best.items() if rows <= profile.limit // 2}
        profile.samples = 0
        if fewer and full > WORTH_IT * min(fewer.values()):
            profile.limit = min(fewer, key=lambda rows: fewer[rows])
            profile.settled = True
            # More rows lost by today's measure; when they are tried again they are measured again.
            profile.seconds_per_row = {rows: s for rows, s in best.items() if rows <= profile.limit}
        else:
            profile.settled = profile.limit >= profile.ceiling
            profile.limit = min(2 * profile.limit, profile.ceiling)

    def _profile(self, kind: Hashable) -> Profile:
        if kind not in self._profiles:
            self._profiles[kind] = Profile(min(FIRST_ROWS, self._max_rows), self._max_rows)
        return self._profiles[kind]
