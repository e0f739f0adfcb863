"""What `benchmarks.peers` asks of each server and notes of it: crowds, pictures alone, a short one behind a long one.

No two requests of a run have the same prompt or seed, so that no memory of earlier pictures or prompts helps anybody.
Clients hold a connection until they have their picture.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from benchmarks.load import percentile
from benchmarks.mix import MIX, PROMPTS
from benchmarks.peer_servers import Ask
from benchmarks.server_processes import PeakMemory, megabytes, wait_until_idle

Figures = dict[str, float]

CLIENT_SECONDS: Final = 3600.0
USUAL: Final[dict[str, Any]] = {"guidance_scale": 4.0, "scheduler": "ddim"}
EQUAL_STEPS: Final = 12
SAME: Final[dict[str, Any]] = {**USUAL, "prompt": "a red apple", "seed": 987654321, "num_inference_steps": 4}

EQUAL: Final = "equal, images/s"
MIXED: Final = "mixed, images/s"
MIXED_P50: Final = "mixed, p50 s"
MIXED_P95: Final = "mixed, p95 s"
ALONE: Final = "4 steps alone, s"
ALONE_FINE: Final = "20 steps alone, s"
BEHIND: Final = "4 steps behind a long one, s"
BEHIND_OVER_ALONE: Final = "4 steps behind a long one, x alone"
IDLE_MEMORY: Final = "memory idle, MiB"
PEAK_MEMORY: Final = "memory at most, MiB"


@dataclass(frozen=True)
class Amounts:
    """How much is asked: requests of a crowd, tries of 4 and of 20 steps alone and of one behind a long one.

    Steps of the crowds' requests are divided by `divisor`; the long request has `long_steps`, of which `head_start`
    seconds have passed when the short one comes; `pause` seconds pass before every picture alone.
    """

    crowd: int
    alone: int
    alone_fine: int
    behind: int
    divisor: int
    long_steps: int
    head_start: float = 0.3
    pause: float = 2.0


AMOUNTS: Final = {
    "bundled": Amounts(crowd=40, alone=9, alone_fine=7, behind=5, divisor=1, long_steps=40),
    "sd15": Amounts(crowd=6, alone=3, alone_fine=1, behind=1, divisor=4, long_steps=12, head_start=2.0),
}
"""By the model that is drawn with: a step of the large one takes seconds."""


class Fresh:
    """Requests that nobody has seen yet, the same for every server of a round."""

    def __init__(self, number: int, divisor: int) -> None:
        self._round = number
        self._divisor = divisor
        self._made = 0

    def one(self, **settings: Any) -> dict[str, Any]:  # noqa: ANN401
        """A request with these settings over the usual ones."""
        self._made += 1
        number = 1000 * self._round + self._made
        return {"prompt": f"{PROMPTS[number % len(PROMPTS)]}, number {number}", "seed": number, **USUAL, **settings}

    def equal(self, count: int) -> list[dict[str, Any]]:
        """Requests that differ in prompt and seed only."""
        return [self.one(num_inference_steps=EQUAL_STEPS // self._divisor) for _ in range(count)]

    def mixed(self, count: int) -> list[dict[str, Any]]:
        """Requests whose steps, guidance and scheduler differ."""
        draw = random.Random(2)
        kinds = draw.choices(MIX, [share for *_, share in MIX], k=count)
        return [
            self.one(
                num_inference_steps=max(2, steps // self._divisor), guidance_scale=guidance, scheduler=scheduler.value
            )
            for steps, guidance, scheduler, _ in kinds
        ]


async def measure(ask: Ask, port: int, amounts: Amounts, number: int) -> tuple[Figures, bytes]:
    """The figures of one server in round `number`, after it has seen every kind of request and come to rest.

    And the picture, a PNG file, of a request that is the same in every round.
    """
    fresh = Fresh(number, amounts.divisor)
    limits = httpx.Limits(max_connections=None)
    address = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=address, timeout=CLIENT_SECONDS, limits=limits) as client:
        await crowd(ask, client, fresh.mixed(min(8, amounts.crowd)))
        picture = await ask(client, SAME)
        await asyncio.to_thread(wait_until_idle)
        idle = megabytes()
        with PeakMemory() as memory:
            figures = await load(ask, client, amounts, fresh)
    return {**figures, IDLE_MEMORY: idle, PEAK_MEMORY: memory.peak}, picture


async def load(ask: Ask, client: httpx.AsyncClient, amounts: Amounts, fresh: Fresh) -> Figures:
    equal_speed, _ = await crowd(ask, client, fresh.equal(amounts.crowd))
    mixed_speed, waits = await crowd(ask, client, fresh.mixed(amounts.crowd))

    async def alone(steps: int, tries: int) -> float:
        taken = []
        for _ in range(tries):
            await asyncio.sleep(amounts.pause)
            taken.append(await timed(ask, client, fresh.one(num_inference_steps=steps)))
        return statistics.median(taken)

    short = await alone(4, amounts.alone)
    fine = await alone(20, amounts.alone_fine)
    late = []
    for _ in range(amounts.behind):
        first = asyncio.create_task(timed(ask, client, fresh.one(num_inference_steps=amounts.long_steps)))
        await asyncio.sleep(amounts.head_start)
        late.append(await timed(ask, client, fresh.one(num_inference_steps=4)))
        await first
    return {
        EQUAL: equal_speed,
        MIXED: mixed_speed,
        MIXED_P50: percentile(waits, 50),
        MIXED_P95: percentile(waits, 95),
        ALONE: short,
        ALONE_FINE: fine,
        BEHIND: statistics.median(late),
        BEHIND_OVER_ALONE: statistics.median(late) / short,
    }


async def crowd(ask: Ask, client: httpx.AsyncClient, bodies: Sequence[dict[str, Any]]) -> tuple[float, list[float]]:
    """All at once: pictures a second, and how long each took."""
    began = time.perf_counter()
    waits = await asyncio.gather(*(timed(ask, client, body) for body in bodies))
    return len(bodies) / (time.perf_counter() - began), list(waits)


async def timed(ask: Ask, client: httpx.AsyncClient, body: dict[str, Any]) -> float:
    """Seconds from asking to the picture."""
    began = time.perf_counter()
    if not (await ask(client, body)).startswith(b"\x89PNG"):
        raise RuntimeError("no picture came")
    return time.perf_counter() - began
