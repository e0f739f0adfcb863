"""Row limits follow what the forwards cost, by made-up clocks."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, repeat

import pytest

from worker.engine.budget import RETRY_AFTER, SAMPLES, Budget

KIND = "a unet at 64x64"


def drive(budget: Budget, seconds: Callable[[int], float], forwards: int = 60, least: int = 1) -> int:
    """Run full forwards under the limit the budget gives, until it is settled, and return where it ends."""
    for _ in range(forwards):
        rows = max(least, budget.limit(KIND))
        budget.ran(KIND, rows, seconds(rows))
        if budget.is_settled(KIND):
            return budget.limit(KIND)
    raise AssertionError("the budget does not settle")


def flat(rows: int) -> float:
    """A forward that costs the same whatever its rows: more of them always pay."""
    return 1.0


def linear(rows: int) -> float:
    """A forward whose rows cost the same whatever their number: more of them never pay."""
    return float(rows)


def retry(budget: Budget, rows: int) -> None:
    for _ in range(RETRY_AFTER):
        budget.ran(KIND, rows, 1.0)


def test_rows_grow_to_the_most_allowed_while_they_get_cheaper() -> None:
    assert drive(Budget(64), lambda rows: 1.0 + 0.1 * rows) == 64


def test_rows_stop_growing_where_more_do_not_pay() -> None:
    assert drive(Budget(64), lambda rows: float(max(rows, 16))) == 16


def test_rows_shrink_while_fewer_are_as_cheap() -> None:
    assert drive(Budget(64), linear) == 1


def test_rows_do_not_shrink_below_those_of_one_request() -> None:
    assert drive(Budget(64), linear, least=2) == 2


def test_two_sizes_take_turns() -> None:
    budget = Budget(64)
    sizes = []
    for _ in range(4):
        sizes.append(budget.limit(KIND))
        budget.ran(KIND, sizes[-1], 1.0)
    assert sizes == [8, 16, 8, 16]


def test_a_busy_moment_hits_both_sizes_and_decides_nothing() -> None:
    # Given a machine that is five times as slow after a few forwards
    slowness = chain([1.0] * 3, repeat(5.0))
    # Then what pays still pays
    assert drive(Budget(32), lambda rows: next(slowness) * (1.0 + 0.01 * rows)) == 32


@pytest.mark.parametrize("disturbed", range(2 * SAMPLES))
def test_a_single_slow_forward_is_not_believed(disturbed: int) -> None:
    forwards = iter(range(100))
    assert drive(Budget(16), lambda rows: 100.0 if next(forwards) == disturbed else 1.0 + 0.01 * rows) == 16


def test_forwards_that_are_not_full_tell_nothing() -> None:
    budget = Budget(16)
    for _ in range(1000):
        budget.ran(KIND, 4, 1.0)
    assert not budget.is_settled(KIND)


def test_a_settled_limit_is_tried_again_after_a_while() -> None:
    budget = Budget(16)
    assert drive(budget, linear) == 1
    retry(budget, 1)
    assert not budget.is_settled(KIND)
    assert drive(budget, flat) == 16
    # At the most allowed, whether half as many would do
    retry(budget, 16)
    assert drive(budget, lambda rows: float(max(rows, 8))) == 8


def test_what_memory_refused_is_not_asked_for_again() -> None:
    budget = Budget(64)
    budget.ran_out_of_memory(KIND, 8)
    assert budget.limit(KIND) == 4
    retry(budget, 4)
    assert drive(budget, flat) == 4


def test_what_memory_refused_is_known_in_the_next_life() -> None:
    kept: list[dict[str, int]] = []
    Budget(64, keep=lambda limits: kept.append(dict(limits))).ran_out_of_memory(KIND, 8)
    assert kept == [{KIND: 4}]


def test_kinds_have_limits_of_their_own() -> None:
    budget = Budget(64)
    budget.ran_out_of_memory("large", 4)
    assert budget.limit("large") == 2
    assert drive(budget, flat) == 64
    assert not budget.is_settled("new")


def test_what_an_earlier_life_knew_holds_from_the_start_but_not_beyond_the_most_allowed() -> None:
    budget = Budget(16, known={KIND: 4, "huge": 64})
    assert budget.limit(KIND) == 4
    assert budget.is_settled(KIND)
    assert budget.limit("huge") == 16


def test_what_has_settled_is_kept_once_beside_what_was_known() -> None:
    kept: list[dict[str, int]] = []
    budget = Budget(16, known={"vae": 4}, keep=lambda limits: kept.append(dict(limits)))
    drive(budget, flat)
    retry(budget, 16)
    drive(budget, flat)
    assert kept == [{"vae": 4, KIND: 16}]
