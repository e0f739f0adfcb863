"""Silence is a hang while there is work, and nothing else is."""

from __future__ import annotations

import threading

from worker.watchdog import Watchdog


class Bench:
    """A watchdog on a clock of the test's own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.busy = True
        self.hung = 0
        self.watchdog = Watchdog(lambda: self.busy, 10.0, on_hang=self.bark, clock=lambda: self.now)

    def bark(self) -> None:
        self.hung += 1

    def after(self, seconds: float) -> int:
        """How often it has barked when `seconds` more have passed."""
        self.now += seconds
        self.watchdog.check()
        return self.hung


def test_silence_during_work_is_a_hang() -> None:
    bench = Bench()
    assert bench.after(9) == 0
    assert bench.after(2) == 1


def test_an_engine_that_is_heard_of_is_left_alone() -> None:
    bench = Bench()
    for _ in range(5):
        assert bench.after(9) == 0
        bench.watchdog.on_activity()


def test_idle_time_does_not_count() -> None:
    # Given a long time without work
    bench = Bench()
    bench.busy = False
    assert bench.after(1000) == 0
    # When work comes
    bench.busy = True
    # Then its own time starts now
    assert bench.after(9) == 0
    assert bench.after(2) == 1


def test_the_thread_looks_by_itself() -> None:
    barked = threading.Event()
    watchdog = Watchdog(lambda: True, 0.05, on_hang=barked.set)
    watchdog.start()
    assert barked.wait(10)
    watchdog.stop()
    watchdog.join()
