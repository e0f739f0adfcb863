"""Redis goes away while a picture is being drawn: it is drawn once all the same, and the api says so at once."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from core.jobs import Status
from tests.chaos.cluster import running_cluster, until
from tests.chaos.quick_engine import SLOW
from tests.chaos.report import Figures

PARTS = {"worker-1": "worker", "keeper": "keeper", "api": "api"}
STEPS = 15


def draw_through_an_outage(folder: Path, seconds: float, figures: Figures) -> None:
    """A job is drawn in 1.5 s; Valkey is killed half a second into it and comes back later."""
    with running_cluster(folder, PARTS) as cluster, httpx.Client(base_url=cluster.url, timeout=10) as http:
        until(lambda: _status(http, "/health/ready") == 200, 30, "the api to be ready")
        # Given a job under way
        job_id = cluster.submit(SLOW, STEPS)
        until(lambda: cluster.job(job_id).progress is not None, 30, "the first step")

        # When
        cluster.crash_valkey()
        gone = time.monotonic()
        waits = []
        while (left := gone + seconds - time.monotonic()) > 0:
            asked = time.monotonic()
            status = _status(http, f"/v1/generations/{job_id}")
            waits.append(time.monotonic() - asked)
            assert status == 503
            time.sleep(min(0.2, max(0.0, left)))
        cluster.restart_valkey()
        back = time.monotonic()
        until(lambda: cluster.job(job_id).status.is_terminal, 60, "the end of the job")
        took = time.monotonic() - back
        # and the reaper has looked twice
        time.sleep(5)

        # Then
        job, starts = cluster.job(job_id), cluster.starts(job_id)
    figures.note(
        f"Redis away for {seconds:g} s in mid-job",
        "drawn once, 503 within 3 s",
        f"{job.status} after {starts} start(s), {took:.1f} s after it was back; 503 within {max(waits):.2f} s",
    )
    assert job.status is Status.SUCCEEDED
    assert (job.attempts, starts) == (1, 1)
    assert max(waits) <= 3


def _status(http: httpx.Client, path: str) -> int:
    try:
        return http.get(path).status_code
    except httpx.ConnectError:
        return 0


@pytest.mark.slow
def test_a_picture_is_drawn_once_through_a_short_outage(tmp_path: Path, figures: Figures) -> None:
    draw_through_an_outage(tmp_path, 2, figures)


@pytest.mark.chaos
@pytest.mark.parametrize("seconds", [1, 5, 20, 60])
def test_a_picture_is_drawn_once_through_an_outage(tmp_path: Path, seconds: float, figures: Figures) -> None:
    draw_through_an_outage(tmp_path, seconds, figures)
