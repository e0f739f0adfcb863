"""A worker that freezes loses its job, and cannot commit it when it wakes."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.e2e.stack import easel_up, until

pytestmark = pytest.mark.slow


def test_frozen_worker_loses_its_job_and_cannot_commit_it(tmp_path: Path) -> None:
    # Given a job that runs, under short leases
    with easel_up(tmp_path / "data", EASEL_LEASE_SECONDS="6", EASEL_RENEW_SECONDS="0.5") as stack:
        job = stack.post(prompt="a whale", num_inference_steps=80)
        until(lambda: stack.get(job["id"])["status"] == "running", 30, "the job to start")
        frozen = stack.child("worker")
        # When its worker freezes until the lease is over, and wakes up again
        frozen.send_signal(signal.SIGSTOP)
        until(lambda: stack.get(job["id"])["status"] == "queued", 30, "the reaper")
        frozen.send_signal(signal.SIGCONT)
        # Then the job has one end and one set of pictures, from its second attempt
        ended = stack.finish(job["id"])
        assert (ended["status"], ended["attempts"], len(ended["outputs"])) == ("succeeded", 2, 1)
        assert frozen.is_running()
        files = [path.relative_to(tmp_path / "data" / "results") for path in (tmp_path / "data").rglob("*.png")]
        assert len(files) == 1
