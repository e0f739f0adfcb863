"""Random faults, one after another, until told to stop. Knows signals; what they should not break is elsewhere."""

from __future__ import annotations

import random
import signal
import threading
from collections import Counter

from tests.chaos.cluster import Cluster


class Faults(threading.Thread):
    """Every 0.5 to 1.2 s some part is killed, told to stop or frozen; every `valkey_every` faults it is Valkey.

    A frozen part wakes after `frozen_seconds`, which should be more than a lease: what it then commits is stale.
    """

    def __init__(self, cluster: Cluster, seed: int, frozen_seconds: float, valkey_every: int) -> None:
        super().__init__(name="storm")
        self.faults: Counter[str] = Counter()
        self._world = cluster
        self._random = random.Random(seed)
        self._frozen_seconds = frozen_seconds
        self._valkey_every = valkey_every
        self._calm = threading.Event()
        self._sleepers: list[tuple[threading.Timer, int]] = []

    def end(self) -> None:
        """No more faults; who sleeps wakes now."""
        self._calm.set()
        self.join()
        for timer, pid in self._sleepers:
            timer.cancel()
            self._world.wake(pid)

    def run(self) -> None:
        while not self._calm.wait(self._random.uniform(0.5, 1.2)):
            if sum(self.faults.values()) % self._valkey_every == self._valkey_every - 1:
                self._world.crash_valkey()
                self._calm.wait(self._random.uniform(0.0, 0.5))
                self._world.restart_valkey()
                self.faults["valkey SIGKILL"] += 1
            else:
                self._strike()

    def _strike(self) -> None:
        name = self._random.choice(self._world.names)
        number = self._random.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
        pid = self._world.signal(name, number)
        if pid is None:
            return
        self.faults[f"{name.partition('-')[0]} {number.name}"] += 1
        if number is signal.SIGSTOP:
            timer = threading.Timer(self._frozen_seconds, self._world.wake, [pid])
            timer.start()
            self._sleepers.append((timer, pid))
