"""Others' work on our cores makes the engine take fewer threads, and its end gives them back."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator

import pytest
import torch

from worker.threads import Threads, Used, used


class Machine:
    """A made-up machine: seconds pass when they are told to."""

    def __init__(self) -> None:
        self.now = self.all = self.us = 0.0

    def read(self) -> Used:
        return Used(4, self.all, self.us)

    def run(self, *, seconds: float, us: float, others: float) -> None:
        self.now += seconds
        self.us += us * seconds
        self.all += (us + others) * seconds


@pytest.fixture
def machine() -> Iterator[Machine]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield Machine()
    torch.set_num_threads(before)


def test_threads_follow_what_others_leave(machine: Machine) -> None:
    threads = Threads(machine.read, lambda: machine.now)
    for others, expected in ((0.2, 4), (1.1, 3), (7.0, 1), (0.0, 4)):
        machine.run(seconds=2, us=3.5, others=others)
        threads.adjust()
        assert torch.get_num_threads() == expected


def test_a_moment_is_too_short_to_judge(machine: Machine) -> None:
    threads = Threads(machine.read, lambda: machine.now)
    machine.run(seconds=0.5, us=0, others=4)
    threads.adjust()
    assert torch.get_num_threads() == 4


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
def test_this_machine_counts_our_own_work_as_ours() -> None:
    before, began = used(), time.process_time()
    while time.process_time() - began < 0.5:
        pass
    after = used()
    assert after.by_us - before.by_us >= 0.4
    assert after.by_all - before.by_all >= after.by_us - before.by_us - 0.1 * len(os.sched_getaffinity(0))
