"""What the engine has done since it began, in numbers.

Written by the engine's thread only; others read snapshots, which may lag behind by a forward.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from core.jobs import Stage


@dataclass
class Stats:
    """Keys of `forwards` are (model, stage, rows), of `seconds` (model, stage), of `ladder` what was done for memory.

    Outputs of text encoders were computed (`prompts_encoded`) or found in the cache (`prompts_reused`).
    """

    forwards: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    seconds: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    ladder: Counter[str] = field(default_factory=Counter)
    prompts_reused: int = 0
    prompts_encoded: int = 0

    def ran(self, model: str, stage: Stage, rows: int, seconds: float) -> None:
        """One forward of `rows` rows, in seconds of this thread: on a GPU often those of the launch alone."""
        self.forwards[model, str(stage), rows] += 1
        self.seconds[model, str(stage)] += seconds
