"""What jobs of this wire are known by: whose they are, and which part of a call of several jobs."""

from __future__ import annotations

import re
from typing import Final

from core.jobs import Job

LABEL: Final = {"client": "a1111"}
"""By this an interrupt finds the jobs that these clients asked for."""

PART: Final = "part"
WRITTEN: Final = re.compile(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})")


def labelled(number: int, parts: int) -> dict[str, str]:
    """The metadata of job `number`, from 0, of a call that takes `parts`."""
    return {**LABEL, PART: f"{number + 1}/{parts}"}


def part_of(job: Job) -> tuple[int, int]:
    """Which one it is, from 0, of how many: the only one where its metadata, which anybody may write, do not say."""
    written = WRITTEN.fullmatch(job.metadata.get(PART, ""))
    number, parts = (int(written[1]), int(written[2])) if written else (1, 1)
    return min(number, parts) - 1, parts
