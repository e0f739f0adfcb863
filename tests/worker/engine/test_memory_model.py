"""Rows are bounded by memory before it runs out, by a made-up meter; the real ones count real forwards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from tests.worker.engine.test_batch_scheduler import Parked, run
from worker.engine.batch_scheduler import BatchScheduler
from worker.engine.batch_size_tuner import BatchSizeTuner
from worker.engine.memory_model import SHARE, MemoryModel
from worker.pipelines.meters import meter_of


class Unet:
    def forward(self) -> None: ...


UNET = Unet().forward


@dataclass
class MadeUp:
    free_bytes: int | None = 1000
    taken_bytes: int = 100

    def start_over(self) -> None:
        self.taken_bytes = 0

    def begin(self) -> None: ...

    def taken(self) -> int:
        return self.taken_bytes

    def free(self) -> int | None:
        return self.free_bytes


def test_what_has_not_run_and_what_cannot_be_measured_is_not_bounded() -> None:
    assert MemoryModel(MadeUp()).rows(UNET, 4) == math.inf
    for memory in (MemoryModel(), MemoryModel(MadeUp(free_bytes=None))):
        memory.ran(UNET, 8)
        assert memory.rows(UNET, 4) == math.inf


def test_rows_scale_with_their_size() -> None:
    # Given two rows of 4 cells that took 100 of 1000 bytes
    memory = MemoryModel(MadeUp())
    memory.ran(UNET, 8)
    # Then as many rows fit as the free share has room for, a quarter as many of four times the size, and always one
    assert memory.rows(UNET, 4) == SHARE * 1000 / 50
    assert memory.rows(UNET, 16) == SHARE * 1000 / 200
    assert memory.rows(UNET, 4000) == 1


def test_the_largest_forward_counts() -> None:
    meter = MadeUp()
    memory = MemoryModel(meter)
    memory.ran(UNET, 8)
    meter.taken_bytes = 7
    memory.ran(UNET, 4)
    assert memory.rows(UNET, 4) == 16


def test_what_a_loaded_model_took_is_known_while_others_come_and_go() -> None:
    # Given a module whose forward was measured
    memory = MemoryModel(MadeUp())
    memory.ran(UNET, 8)
    # When another model has left
    memory.models_left()
    # Then the measurement stands, and what is measured from now on starts over
    assert memory.rows(UNET, 4) == 16
    other = Unet().forward
    memory.ran(other, 8)
    assert memory.rows(other, 4) == math.inf


def test_a_group_is_no_wider_than_memory_allows() -> None:
    # Given room for three rows of this module's calls, which have one cell each
    memory = MemoryModel(MadeUp(free_bytes=375, taken_bytes=100))
    fibers: list[Any] = [Parked(name, remaining=1) for name in "abc"]
    memory.ran(fibers[0].call.function, 1)
    # When three requests of two rows want to run
    ran = run(BatchScheduler(BatchSizeTuner(16), memory), fibers)
    # Then each runs by itself
    assert sorted(ran) == ["a", "b", "c"]


def test_the_process_meter_sees_what_stays() -> None:
    meter = meter_of(torch.device("cpu"))
    assert meter is not None
    before, free_before = meter.taken(), meter.free()
    held = torch.ones(64 * 2**20)  # 256 MiB
    assert meter.taken() - before > 200 * 2**20
    assert free_before is not None
    assert free_before > held.nbytes
