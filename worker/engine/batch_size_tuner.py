"""How many rows of one kind of call may run in one forward: learned from the forwards themselves.

Two numbers of rows are compared at a time, one the double of the other, in forwards that take turns, so that whatever
else the machine does hits both alike. Where the double makes a row no cheaper it only makes everybody wait longer.
What memory refused is not asked for again by this process.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

FIRST_ROWS: Final = 8
FIRST_OF_VAE: Final = 4
"""Pictures leave sooner in small groups, and an autoencoder's rows take the most memory of all."""
SAMPLES: Final = 3
"""Pairs of forwards, one of each size, before a trial is judged by the median: one disturbed pair decides nothing."""
WORTH_IT: Final = 0.98
"""A row has to get cheaper by this much, or it does not pay; less would be within what measurements differ by."""
RETRY_AFTER: Final = 100
"""Full forwards before a settled limit is tried again: a busy moment may have hidden a gain, or made one up."""


@dataclass(slots=True)
class Trial:
    """Whether `high` rows are cheaper, a row, than half as many: the seconds a row took, forward by forward."""

    low: int
    high: int
    at_low: list[float] = field(default_factory=list)
    at_high: list[float] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """The size whose turn it is."""
        return self.low if len(self.at_low) <= len(self.at_high) else self.high

    @property
    def is_over(self) -> bool:
        """Whether there are enough pairs to judge."""
        return len(self.at_high) >= SAMPLES

    @property
    def pays(self) -> bool:
        """Whether the larger size makes a row cheaper by more than measurements differ."""
        pairs = zip(self.at_low, self.at_high, strict=True)
        return statistics.median(high / low for low, high in pairs) < WORTH_IT

    def ran(self, rows: int, seconds: float) -> None:
        """A forward of `rows` rows, of the size whose turn it is, took `seconds`."""
        (self.at_low if self.rows == self.low else self.at_high).append(seconds / rows)


@dataclass(slots=True)
class Profile:
    """What is known of one kind of call: `least` rows that a request has, whether the limit `grew` since it settled
    last, `full` forwards since the last trial."""

    limit: int
    ceiling: int
    least: int = 1
    trial: Trial | None = None
    grew: bool = False
    full: int = 0

    @property
    def rows(self) -> int:
        """The rows that the next forward may have."""
        return self.trial.rows if self.trial else self.limit

    def try_more(self) -> None:
        """Compare with twice the limit, or, where no more is allowed, with half of it."""
        if self.limit < self.ceiling:
            self.trial = Trial(self.limit, min(2 * self.limit, self.ceiling))
        else:
            self.try_fewer()

    def try_fewer(self) -> None:
        """Compare with half the limit, unless a request alone has more rows than that."""
        self.trial = Trial(self.limit // 2, self.limit) if self.limit // 2 >= self.least else None

    def judge(self, trial: Trial) -> None:
        """Grow for as long as it pays; if it did not even once, shrink for as long as that costs nothing."""
        upwards, pays = trial.low == self.limit, trial.pays
        self.limit = trial.high if pays else trial.low
        self.trial, self.full = None, 0
        if pays and upwards and self.limit < self.ceiling:
            self.grew = True
            self.try_more()
        elif not pays and not self.grew:
            self.try_fewer()
        if self.trial is None:
            self.grew = False


class BatchSizeTuner:
    """Row limits by kind of call; never more than `max_rows`.

    `known` are limits that an earlier process learned; `keep` is told of all that are known whenever one has settled.
    """

    def __init__(
        self,
        max_rows: int,
        known: Mapping[str, int] | None = None,
        keep: Callable[[Mapping[str, int]], None] = lambda limits: None,
    ) -> None:
        self._max_rows = max_rows
        self._known = dict(known or {})
        self._keep = keep
        self._profiles: dict[str, Profile] = {}

    def limit(self, kind: str, first: int = FIRST_ROWS) -> int:
        """Rows that the next forward may have; a single request may always run, whatever its rows."""
        return self._profile(kind, first).rows

    def is_settled(self, kind: str) -> bool:
        """Whether the next forward's time is of no interest."""
        return self._profile(kind).trial is None

    def ran(self, kind: str, rows: int, seconds: float) -> None:
        """A forward of `rows` rows took `seconds`."""
        profile = self._profile(kind)
        if 4 * rows <= 3 * profile.rows:
            return  # too few waited to tell
        trial = profile.trial
        if trial is None:
            profile.full += 1
            if profile.full >= RETRY_AFTER:
                profile.try_more()
            return
        if rows > trial.rows:
            # A request alone has more rows than that: fewer cannot be tried.
            profile.limit, profile.least, profile.trial = max(rows, profile.limit), rows, None
            return
        trial.ran(rows, seconds)
        if trial.is_over:
            profile.judge(trial)
        if profile.trial is None:
            self._remember(kind, profile)

    def ran_out_of_memory(self, kind: str, rows: int) -> None:
        """A forward of `rows` rows did not fit: half as many from now on."""
        profile = self._profile(kind)
        profile.ceiling = max(1, rows // 2)
        profile.limit = min(profile.limit, profile.ceiling)
        profile.trial = None
        self._remember(kind, profile)

    def _remember(self, kind: str, profile: Profile) -> None:
        if self._known.get(kind) != profile.limit:
            self._known[kind] = profile.limit
            self._keep(self._known)

    def _profile(self, kind: str, first: int = FIRST_ROWS) -> Profile:
        if kind not in self._profiles:
            known = self._known.get(kind)
            self._profiles[kind] = profile = Profile(min(known or first, self._max_rows), self._max_rows)
            if known is None:
                profile.try_more()
        return self._profiles[kind]
