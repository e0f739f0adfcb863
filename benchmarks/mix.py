"""The mix of requests that servers are asked for: unlike in steps, guidance and scheduler."""

from __future__ import annotations

import random
from typing import Any, Final

from core.schedulers import Scheduler

MIX: Final = (
    # steps, guidance, scheduler, share
    (8, 4.0, Scheduler.DPMPP_2M, 3),
    (12, 4.0, Scheduler.DDIM, 3),
    (20, 4.0, Scheduler.EULER, 2),
    (20, 1.0, Scheduler.DDIM, 1),
    (40, 6.0, Scheduler.DDIM, 1),
)
PROMPTS: Final = ("a red apple", "a fox", "a sailboat", "a slice of pizza", "a green frog", "a rocket")


def requests_of(count: int, seed: int) -> list[dict[str, Any]]:
    """The same `count` requests of the mix for everybody."""
    draw = random.Random(seed)
    weights = [share for *_, share in MIX]
    chosen = draw.choices(MIX, weights, k=count)
    return [
        {
            "prompt": draw.choice(PROMPTS),
            "num_inference_steps": steps,
            "guidance_scale": guidance,
            "scheduler": scheduler.value,
            "seed": number,
        }
        for number, (steps, guidance, scheduler, _) in enumerate(chosen)
    ]
