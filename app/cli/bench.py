"""How fast a server draws, measured as its clients would: some of them at a time, each asking again when served."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from statistics import median, quantiles
from typing import Any, Final

from app.cli.client import Client, ClientError

POLL_SECONDS: Final = 0.1
FINISHED: Final = frozenset({"succeeded", "failed", "canceled"})


def measure(
    client: Client, body: Mapping[str, Any], *, pictures: int, clients: int, done: Callable[[], None]
) -> dict[str, Any]:
    """Draw `pictures` with `clients` of them asked for at any time. Raises ClientError for the first that fails.

    Seconds: `latency` from asking to the end, `wait` until a worker began, both by the server's clock.
    """

    def one(number: int) -> dict[str, Any]:
        job = client.submit({**body, "seed": number, "store": False})
        while job["status"] not in FINISHED:
            time.sleep(POLL_SECONDS)
            job = client.get(job["id"])
        if job["status"] != "succeeded":
            error = job["error"] or {"code": job["status"], "message": f"a job was {job['status']}"}
            raise ClientError(error["message"], error["code"])
        done()
        return job

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        asked = [pool.submit(one, number) for number in range(pictures)]
        try:
            jobs = [future.result() for future in asked]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return figures(jobs, time.perf_counter() - began) | {"clients": clients}


def figures(jobs: Sequence[Mapping[str, Any]], seconds: float) -> dict[str, Any]:
    """What `jobs` of one picture each, done within `seconds` in all, say."""
    latencies = [seconds_between(job["created_at"], job["finished_at"]) for job in jobs]
    waits = [seconds_between(job["created_at"], job["started_at"]) for job in jobs]
    rate = len(jobs) / seconds
    return {
        "model": jobs[0]["model"],
        "pictures": len(jobs),
        "seconds": round(seconds, 2),
        "pictures_a_second": round(rate, 3),
        "pictures_an_hour": round(3600 * rate),
        "latency_p50": round(median(latencies), 3),
        "latency_p95": round(percentile_95(latencies), 3),
        "wait_p50": round(median(waits), 3),
        "wait_p95": round(percentile_95(waits), 3),
    }


def percentile_95(values: Sequence[float]) -> float:
    """The value that 95 of 100 are at most, between neighbours in proportion; of one value, itself."""
    return quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


def seconds_between(start: str, end: str) -> float:
    """Seconds between two ISO 8601 moments."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
