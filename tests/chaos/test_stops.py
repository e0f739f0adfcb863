"""Workers that are told to stop: what they cannot finish goes back, and costs no attempt."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import psutil
import pytest

from core.jobs import Status
from tests.chaos.cluster import running_cluster, until
from tests.chaos.quick_engine import SLOW
from tests.chaos.report import Figures

PARTS = {"worker-1": "worker", "keeper": "keeper"}
JOBS = 4
GRACE_SECONDS = 1


def stop_in_mid_job(folder: Path, stops: int, figures: Figures) -> None:
    exits: list[float] = []
    waits: list[float] = []
    with running_cluster(folder, PARTS, EASEL_GRACE_SECONDS=str(GRACE_SECONDS)) as cluster:
        # Given jobs that take longer than a stopping worker waits for them
        ids = [cluster.submit(SLOW, steps=150) for _ in range(JOBS)]
        for stop in range(1, stops + 1):
            for job_id in ids:
                until(lambda job_id=job_id, stop=stop: cluster.starts(job_id) == stop, 60, f"start {stop} of {job_id}")

            # When their worker is told to stop, each time at another moment
            time.sleep(0.1 * stop)
            pid = cluster.signal("worker-1", signal.SIGTERM)
            assert pid is not None
            told = time.monotonic()
            exits.append(until(lambda pid=pid: not psutil.pid_exists(pid), 60, "the worker to leave"))

            # Then another one draws them, at once
            for job_id in ids:
                until(lambda job_id=job_id, stop=stop: cluster.starts(job_id) == stop + 1, 60, "the next start")
            waits.append(time.monotonic() - told)
        jobs = [cluster.job(job_id) for job_id in ids]
        for job in jobs:
            cluster.jobs.cancel(job.id)
        cluster.settle(60)

    # and however often it was handed back, each job is on its first attempt
    assert {job.status for job in jobs} == {Status.RUNNING}
    assert {job.attempts for job in jobs} == {1}
    figures.note(
        f"SIGTERM in mid-job, {stops} times {JOBS} jobs",
        "no attempt used, gone in 35 s",
        f"0 attempts used; with a grace of {GRACE_SECONDS} s gone in {max(exits):.1f} s at most, "
        f"drawn elsewhere after {max(waits):.1f} s at most",
    )
    assert max(exits) <= 35


@pytest.mark.slow
def test_what_cannot_be_finished_is_handed_back(tmp_path: Path, figures: Figures) -> None:
    stop_in_mid_job(tmp_path, 2, figures)


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_what_cannot_be_finished_is_handed_back_again_and_again(tmp_path: Path, figures: Figures) -> None:
    stop_in_mid_job(tmp_path, 12, figures)
