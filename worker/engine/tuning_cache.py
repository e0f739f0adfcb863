"""Keeps the row limits that were learned over a restart, in one small JSON file.

Limits hold for the machine that they were learned on: another device, number of threads or torch begins anew, and the
file has room for a few machines that share a folder.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

ROW_LIMITS: Final = "row-limits.json"
"""In the data folder: what the engine learned of this machine, so that a worker starts where the last one stopped."""

MAX_MACHINES: Final = 8
MAX_KINDS: Final = 256

Limits = dict[str, int]


class TuningCache:
    """`{machine: {kind: limit}}`, the latest last. What cannot be read counts as nothing known."""

    def __init__(self, path: Path, machine: str) -> None:
        self._path = path
        self._machine = machine

    def read(self) -> Limits:
        """The limits of this machine."""
        return self._all().get(self._machine, {})

    def write(self, limits: Mapping[str, int]) -> None:
        """Put the limits of this machine over the old ones, in one move: a reader sees the old file or the new one.

        Others may have learned of other kinds since: workers of one machine share the file.
        """
        machines = self._all()
        old = machines.pop(self._machine, {})
        known = {kind: limit for kind, limit in old.items() if kind not in limits} | dict(limits)
        machines[self._machine] = dict(list(known.items())[-MAX_KINDS:])
        beside = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps(dict(list(machines.items())[-MAX_MACHINES:]), indent=1), encoding="utf-8")
            beside.replace(self._path)
        except OSError:
            logger.warning("row limits not kept", exc_info=True, extra={"path": str(self._path)})

    def _all(self) -> dict[str, Limits]:
        try:
            return checked(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            logger.warning("row limits unreadable, learning them anew", extra={"path": str(self._path)})
            return {}


def checked(content: object) -> dict[str, Limits]:
    """`content` if it is what `write` writes; else ValueError."""
    if not isinstance(content, dict) or not all(isinstance(limits, dict) for limits in content.values()):
        raise ValueError("not limits by machine")
    if not all(type(limit) is int and limit > 0 for limits in content.values() for limit in limits.values()):
        raise ValueError("not positive whole numbers")
    return content
