"""Workers that die: how soon their jobs run again, and what becomes of a job that kills every worker."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from core.jobs import Status
from tests.chaos.cluster import running_cluster, until
from tests.chaos.quick_engine import POISON, SLOW
from tests.chaos.report import Figures

PARTS = {"worker-1": "worker", "keeper": "keeper"}
SHORT_LEASES = {"EASEL_LEASE_SECONDS": "3", "EASEL_RENEW_SECONDS": "1"}
KILLS = 5
JOBS_A_KILL = 4


@pytest.mark.slow
def test_a_poison_job_ends_after_three_starts_and_takes_no_other_along(tmp_path: Path, figures: Figures) -> None:
    # Given one worker, a job that kills it, and others: some are drawn beside it, some wait behind it
    with running_cluster(tmp_path, PARTS, **SHORT_LEASES) as cluster:
        poison = cluster.submit(POISON)
        others = [cluster.submit() for _ in range(40)]

        # When all has ended
        took = until(lambda: cluster.job(poison).status.is_terminal, 60, "the end of the poison job")
        cluster.settle(60)

        # Then it failed after three starts, and every other was drawn, its neighbours too
        ended, starts = cluster.job(poison), cluster.starts(poison)
        drawn = [cluster.job(job_id).status for job_id in others].count(Status.SUCCEEDED)
    figures.note(
        "poison job, one worker of 12 slots",
        "3 starts, others flow",
        f"{starts} starts in {took:.0f} s with leases of 3 s; {drawn} of {len(others)} others succeeded",
    )
    assert ended.status is Status.FAILED
    assert ended.error is not None
    assert ended.error.code == "worker_crashed"
    assert starts == 3
    assert drawn == len(others)


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_jobs_of_a_dead_worker_run_again_within_thirty_seconds(tmp_path: Path, figures: Figures) -> None:
    # Given the leases as they are shipped
    waits: list[float] = []
    with running_cluster(tmp_path, PARTS) as cluster:
        for kill in range(KILLS):
            jobs = [cluster.submit(SLOW, steps=100) for _ in range(JOBS_A_KILL)]
            until(lambda jobs=jobs: all(cluster.starts(job_id) == 1 for job_id in jobs), 30, "the first starts")

            # When their worker is killed, each time at another moment of its renewals
            time.sleep(0.5 + kill)
            cluster.signal("worker-1", signal.SIGKILL)
            died = time.monotonic()

            # Then each runs again
            for job_id in jobs:
                until(lambda job_id=job_id: cluster.starts(job_id) == 2, 60, f"the second start of {job_id}")
                waits.append(time.monotonic() - died)
            for job_id in jobs:
                cluster.jobs.cancel(job_id)
            cluster.settle(30)
    figures.note(
        "running again after a worker's death",
        "at most 30 s",
        f"{min(waits):.1f} to {max(waits):.1f} s, {len(waits)} jobs of {KILLS} kills",
    )
    assert max(waits) <= 30
