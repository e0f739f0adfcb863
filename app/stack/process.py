"""Keeps child processes alive and ends them all."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final

logger = logging.getLogger(__name__)

PR_SET_PDEATHSIG: Final = 1
MAX_BACKOFF_SECONDS: Final = 10.0
HEALTHY_SECONDS: Final = 30.0
"""A child that ran this long has no start-up trouble; its next restart is immediate."""


MAX_EARLY_EXITS: Final = 3
"""After so many a process will not start by itself."""

WRONG_SETTINGS: Final = 2
"""The exit code of a process that has said what is wrong with its settings: another try at once would say it again."""


def _end_with_parent() -> None:
    """Linux: be told to stop when the supervisor is gone, so that even its kill -9 leaves nothing behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """One supervised process, started again when it ends by itself."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self.early_exits = 0
        self._command = list(command)
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._restart_at = 0.0

    def start(self) -> None:
        self._started_at = time.monotonic()
        # A session of its own: Ctrl-C reaches the supervisor alone, which then stops the children in order.
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
            self._command,
            env=self._environment,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )

    def revive(self) -> None:
        """Start the process again if it ended, after a pause that grows while it keeps ending early."""
        if self._process is not None and self._process.poll() is not None:
            lived = time.monotonic() - self._started_at
            exits = MAX_EARLY_EXITS if self._process.returncode == WRONG_SETTINGS else 1
            self.early_exits = self.early_exits + exits if lived < HEALTHY_SECONDS else 0
            pause = min(MAX_BACKOFF_SECONDS, 2.0**self.early_exits - 1)
            logger.warning(
                "%s ended with code %s, starting it again in %.0f s",
                self.name,
                self._process.returncode,
                pause,
            )
            self._process = None
            self._restart_at = time.monotonic() + pause
        if self._process is None and time.monotonic() >= self._restart_at:
            self.start()

    @property
    def pid(self) -> int | None:
        """None while it is not running."""
        return None if self._process is None else self._process.pid

    def kill(self) -> None:
        """End the whole process group the hard way; `revive` starts it again."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)

    def terminate(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait(self, timeout: float) -> None:
        """Wait for the end, then end the whole process group the hard way."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            logger.warning("%s did not stop in %.0f s, killing it", self.name, timeout)
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None
