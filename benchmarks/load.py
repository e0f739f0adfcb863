"""An open loop of clients against one server: requests arrive by a Poisson process, whoever is still waiting.

Knows the public API and nothing of its inside.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import httpx

FINISHED: Final = frozenset({"succeeded", "failed", "canceled"})


class Load:
    """An open loop against one server, and what it saw."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.latencies: list[float] = []
        self.submit: list[float] = []
        self.status: list[float] = []
        self.failed = 0
        self.last_end = 0.0

    async def one(self, body: dict[str, Any]) -> None:
        """Submit, then ask again whenever the server says it is worth it; latency is by the server's own clock."""
        began = time.perf_counter()
        answer = await self._client.post("/v1/generations", json=body)
        answer.raise_for_status()
        self.submit.append(time.perf_counter() - began)
        while (job := answer.json())["status"] not in FINISHED:
            await asyncio.sleep(float(answer.headers["Retry-After"]))
            began = time.perf_counter()
            answer = await self._client.get(job["urls"]["get"])
            self.status.append(time.perf_counter() - began)
        self.failed += job["status"] != "succeeded"
        created, finished = (time_of(job[name]) for name in ("created_at", "finished_at"))
        self.latencies.append(finished - created)
        self.last_end = max(self.last_end, finished)

    async def run(self, bodies: Sequence[dict[str, Any]], rate: float, seed: int) -> float:
        """Send `bodies` as a Poisson process of `rate` a second; seconds until the last has ended.

        By the server's clock, which is this machine's: a client that was told to wait hears of the end later.
        """
        draw = random.Random(seed)
        began = time.time()
        tasks = []
        for body in bodies:
            tasks.append(asyncio.create_task(self.one(body)))
            await asyncio.sleep(draw.expovariate(rate))
        await asyncio.gather(*tasks)
        return self.last_end - began


def time_of(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def percentile(values: Sequence[float], percent: int) -> float:
    """What so many of a hundred values do not exceed; between two of them where it falls so."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
