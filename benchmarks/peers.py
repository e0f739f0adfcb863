"""Easel beside other ways to serve the same checkpoint, over HTTP: `python -m benchmarks.peers`.

Each server gets the same requests on the same machine in the same minutes: a crowd of equal ones, a crowd of mixed
ones, and a short one behind a long one. Clients hold a connection until they have their picture. LitServe and
Ray Serve take part where they are installed (`pip install litserve "ray[serve]"`). Knows the servers' public APIs only.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import importlib.util
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx

from app.stack.up import running_stack
from benchmarks.load import FINISHED
from benchmarks.service import percentile, requests_of
from core.settings import Settings

Ask = Callable[[httpx.AsyncClient, dict[str, Any]], Awaitable[bytes]]
PORTS: Final = {"fastapi": 8195, "litserve": 8196, "ray": 8197, "easel": 8198}
"""One each: connections of a server that was killed hold its port for a while."""

START_SECONDS: Final = 120.0
HEAD_START: Final = 0.3
"""Seconds between the long request and the short one behind it."""


@contextmanager
def peer(name: str) -> Iterator[Ask]:
    """The server of the module `peer_NAME`, in a process group of its own."""
    if answers(PORTS[name]):
        raise SystemExit(f"port {PORTS[name]} is taken")
    process = subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.peer_{name}", str(PORTS[name])], start_new_session=True
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(PORTS[name]):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{name} does not start")
            time.sleep(0.2)
        yield ask_peer
    finally:
        end_group(process)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kindly first: Ray's own processes are in other groups, and it ends them itself."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):  # it may have ended by itself
            os.killpg(process.pid, number)
            process.wait(10)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=2).is_success
    except httpx.TransportError:
        return False


async def ask_peer(client: httpx.AsyncClient, body: dict[str, Any]) -> bytes:
    answer = (await client.post("/predict", json=body)).raise_for_status()
    return base64.b64decode(answer.json()["file"])


@contextmanager
def easel() -> Iterator[Ask]:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Settings.read(port=PORTS["easel"], data_dir=Path(folder))) as stack,
    ):
        stack.wait_ready()
        yield ask_easel


async def ask_easel(client: httpx.AsyncClient, body: dict[str, Any]) -> bytes:
    answer = await client.post("/v1/generations", json=body, headers={"Prefer": "wait=60"})
    while (job := answer.raise_for_status().json())["status"] not in FINISHED:
        await asyncio.sleep(float(answer.headers["Retry-After"]))
        answer = await client.get(job["urls"]["get"])
    return (await client.get(job["outputs"][0]["url"])).raise_for_status().content


async def timed(ask: Ask, client: httpx.AsyncClient, body: dict[str, Any]) -> float:
    """Seconds from asking to the picture."""
    began = time.perf_counter()
    if not (await ask(client, body)).startswith(b"\x89PNG"):
        raise RuntimeError("no picture came")
    return time.perf_counter() - began


async def crowd(ask: Ask, client: httpx.AsyncClient, bodies: Sequence[dict[str, Any]]) -> tuple[float, list[float]]:
    """All at once: pictures a second, and how long each took."""
    began = time.perf_counter()
    waits = await asyncio.gather(*(timed(ask, client, body) for body in bodies))
    return len(bodies) / (time.perf_counter() - began), list(waits)


async def measure(ask: Ask, port: int, count: int) -> dict[str, float]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=300) as client:
        mixed = requests_of(count, seed=2)
        usual = {**mixed[0], "num_inference_steps": 12, "guidance_scale": 4.0, "scheduler": "ddim"}
        short, long = {**usual, "num_inference_steps": 4}, {**usual, "num_inference_steps": 40}
        await crowd(ask, client, mixed[:8])  # warm
        equal_speed, _ = await crowd(ask, client, [{**usual, "seed": seed} for seed in range(count)])
        mixed_speed, waits = await crowd(ask, client, mixed)
        alone = statistics.median([await timed(ask, client, {**short, "seed": seed}) for seed in range(3)])
        behind = []
        for seed in range(3):
            first = asyncio.create_task(timed(ask, client, {**long, "seed": seed}))
            await asyncio.sleep(HEAD_START)
            behind.append(await timed(ask, client, {**short, "seed": 100 + seed}))
            await first
        return {
            "equal, images/s": equal_speed,
            "mixed, images/s": mixed_speed,
            "mixed, p50 s": percentile(waits, 50),
            "mixed, p95 s": percentile(waits, 95),
            "4 steps alone, s": alone,
            "4 steps behind 40, s": statistics.median(behind),
        }


def main() -> None:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=40, help="requests of each crowd")
    options = parser.parse_args()
    os.environ["EASEL_MAX_QUEUED_PER_KEY"] = str(options.count + 1)
    results: dict[str, dict[str, float]] = {}
    for name in (name for name in PORTS if name == "easel" or importlib.util.find_spec(name)):
        with easel() if name == "easel" else peer(name) as ask:
            figures = asyncio.run(measure(ask, PORTS[name], options.count))
        results[name] = {what: round(value, 3) for what, value in figures.items()}
    print(f"{'':24}" + "".join(f"{name:>12}" for name in results))
    for what in results["easel"]:
        print(f"{what:24}" + "".join(f"{result[what]:12.2f}" for result in results.values()))
    print(json.dumps(results))


if __name__ == "__main__":
    main()
