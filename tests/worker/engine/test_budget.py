"""Row limits follow what the forwards cost, by made-up clocks."""

from __future__ import annotations

from collections.abc import Callable

from worker.engine.budget import RETRY_AFTER, Budget

KIND = "a unet at 64x64"


def drive(budget: Budget, seconds: Callable[[int], float], forwards: int = 40) -> int:
    """Run full forwards under the limit the budget gives, and return where it ends."""
    for _ in range(forwards):
        rows = budget.limit(KIND)
        budget.ran(KIND, rows, seconds(rows))
    return budget.limit(KIND)


def test_rows_grow_to_the_most_allowed_while_they_get_cheaper() -> None:
    assert drive(Budget(64), lambda rows: 1.0 + 0.1 * rows) == 64


def test_rows_stop_growing_where_more_do_not_pay() -> None:
    assert drive(Budget(64), lambda rows: float(max(rows, 16))) == 16


def test_rows_shrink_to_the_cheapest_known_number() -> None:
    # Given lone requests that ran two rows as cheaply, a row, as many
    budget = Budget(64)
    budget.ran(KIND, 2, 2.0)
    # Then eight at a time only make everybody wait
    assert drive(budget, lambda rows: float(rows)) == 2


def test_a_single_slow_forward_is_not_believed() -> None:
    slow_once = iter([100.0, 1.0, 1.0])
    budget = Budget(16)
    budget.ran(KIND, 4, 3.0)
    assert drive(budget, lambda rows: next(slow_once, 1.0)) == 16


def test_a_settled_limit_is_judged_again_after_a_while() -> None:
    budget = Budget(16)
    busy = True
    drive(budget, lambda rows: float(rows) if busy else 1.0)
    budget.ran(KIND, 2, 2.0)
    assert drive(budget, lambda rows: float(rows)) <= 16
    busy = False
    assert drive(budget, lambda rows: 1.0, forwards=RETRY_AFTER + 20) == 16


def test_what_memory_refused_is_not_asked_for_again() -> None:
    budget = Budget(64)
    budget.ran_out_of_memory(KIND, 8)
    assert drive(budget, lambda rows: 1.0) == 4


def test_kinds_have_limits_of_their_own() -> None:
    budget = Budget(64)
    budget.ran_out_of_memory("large", 4)
    assert budget.limit("large") == 2
    assert drive(budget, lambda rows: 1.0) == 64
    assert not budget.is_settled("new")
