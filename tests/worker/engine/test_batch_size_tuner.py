"""Row limits follow what the forwards cost, by made-up clocks."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, repeat

import pytest

from worker.engine.batch_size_tuner import RETRY_AFTER, SAMPLES, BatchSizeTuner

KIND = "a unet at 64x64"


def drive(tuner: BatchSizeTuner, seconds: Callable[[int], float], forwards: int = 60, least: int = 1) -> int:
    """Run full forwards under the limit that the tuner gives, until it is settled, and return where it ends."""
    for _ in range(forwards):
        rows = max(least, tuner.limit(KIND))
        tuner.ran(KIND, rows, seconds(rows))
        if tuner.is_settled(KIND):
            return tuner.limit(KIND)
    raise AssertionError("the tuner does not settle")


def flat(rows: int) -> float:
    """A forward that costs the same whatever its rows: more of them always pay."""
    return 1.0


def linear(rows: int) -> float:
    """A forward whose rows cost the same whatever their number: more of them never pay."""
    return float(rows)


def retry(tuner: BatchSizeTuner, rows: int) -> None:
    for _ in range(RETRY_AFTER):
        tuner.ran(KIND, rows, 1.0)


def test_rows_grow_to_the_most_allowed_while_they_get_cheaper() -> None:
    assert drive(BatchSizeTuner(64), lambda rows: 1.0 + 0.1 * rows) == 64


def test_rows_stop_growing_where_more_do_not_pay() -> None:
    assert drive(BatchSizeTuner(64), lambda rows: float(max(rows, 16))) == 16


def test_rows_shrink_while_fewer_are_as_cheap() -> None:
    assert drive(BatchSizeTuner(64), linear) == 1


def test_rows_do_not_shrink_below_those_of_one_request() -> None:
    assert drive(BatchSizeTuner(64), linear, least=2) == 2


def test_two_sizes_take_turns() -> None:
    tuner = BatchSizeTuner(64)
    sizes = []
    for _ in range(4):
        sizes.append(tuner.limit(KIND))
        tuner.ran(KIND, sizes[-1], 1.0)
    assert sizes == [8, 16, 8, 16]


def test_a_busy_moment_hits_both_sizes_and_decides_nothing() -> None:
    # Given a machine that is five times as slow after a few forwards
    slowness = chain([1.0] * 3, repeat(5.0))
    # Then what pays still pays
    assert drive(BatchSizeTuner(32), lambda rows: next(slowness) * (1.0 + 0.01 * rows)) == 32


@pytest.mark.parametrize("disturbed", range(2 * SAMPLES))
def test_a_single_slow_forward_is_not_believed(disturbed: int) -> None:
    forwards = iter(range(100))
    assert drive(BatchSizeTuner(16), lambda rows: 100.0 if next(forwards) == disturbed else 1.0 + 0.01 * rows) == 16


def test_forwards_that_are_not_full_tell_nothing() -> None:
    tuner = BatchSizeTuner(16)
    for _ in range(1000):
        tuner.ran(KIND, 4, 1.0)
    assert not tuner.is_settled(KIND)


def test_a_settled_limit_is_tried_again_after_a_while() -> None:
    tuner = BatchSizeTuner(16)
    assert drive(tuner, linear) == 1
    retry(tuner, 1)
    assert not tuner.is_settled(KIND)
    assert drive(tuner, flat) == 16
    # At the most allowed, whether half as many would do
    retry(tuner, 16)
    assert drive(tuner, lambda rows: float(max(rows, 8))) == 8


def test_what_memory_refused_is_not_asked_for_again() -> None:
    tuner = BatchSizeTuner(64)
    tuner.ran_out_of_memory(KIND, 8)
    assert tuner.limit(KIND) == 4
    retry(tuner, 4)
    assert drive(tuner, flat) == 4


def test_what_memory_refused_is_known_to_the_next_process() -> None:
    kept: list[dict[str, int]] = []
    BatchSizeTuner(64, keep=lambda limits: kept.append(dict(limits))).ran_out_of_memory(KIND, 8)
    assert kept == [{KIND: 4}]


def test_kinds_have_limits_of_their_own() -> None:
    tuner = BatchSizeTuner(64)
    tuner.ran_out_of_memory("large", 4)
    assert tuner.limit("large") == 2
    assert drive(tuner, flat) == 64
    assert not tuner.is_settled("new")


def test_what_an_earlier_process_knew_holds_from_the_start_but_not_beyond_the_most_allowed() -> None:
    tuner = BatchSizeTuner(16, known={KIND: 4, "huge": 64})
    assert tuner.limit(KIND) == 4
    assert tuner.is_settled(KIND)
    assert tuner.limit("huge") == 16


def test_what_has_settled_is_kept_once_beside_what_was_known() -> None:
    kept: list[dict[str, int]] = []
    tuner = BatchSizeTuner(16, known={"vae": 4}, keep=lambda limits: kept.append(dict(limits)))
    drive(tuner, flat)
    retry(tuner, 16)
    drive(tuner, flat)
    assert kept == [{"vae": 4, KIND: 16}]
