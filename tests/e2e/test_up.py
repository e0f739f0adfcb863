"""`easel up` starts, survives, restarts and leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.e2e.stack import Stack, easel_up, until
from tests.ports import free_port

pytestmark = pytest.mark.slow

EASEL = Path(sys.executable).parent / "easel"


def test_restart_finds_the_old_jobs_and_leaves_no_process(tmp_path: Path) -> None:
    # Given a stack that drew a picture and has another job waiting behind a long one
    with easel_up(tmp_path / "data", EASEL_SLOTS="1", EASEL_GRACE_SECONDS="1") as first:
        done = first.finish(first.post(prompt="a cat", num_inference_steps=2)["id"])
        long = first.post(prompt="a dog", num_inference_steps=60, n=2)
        waiting = first.post(prompt="a cow", num_inference_steps=2)
        until(lambda: first.get(long["id"])["status"] == "running", 30, "the long job to start")
        family = first.children()
        # When Ctrl-C stops it
        code = first.stop(signal.SIGINT)
        # Then it ends cleanly and nothing of it is left
        assert code == 0, first.log.read_text()
        assert [child for child in family if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []
    # and after a restart the jobs are there; the one that was interrupted has lost no attempt
    with easel_up(tmp_path / "data") as second:
        assert second.get(done["id"])["status"] == "succeeded"
        assert second.http.get(f"/v1/results/{done['id']}/0.png").status_code == 200
        assert second.finish(waiting["id"])["status"] == "succeeded"
        resumed = second.finish(long["id"])
        assert (resumed["status"], resumed["attempts"]) == ("succeeded", 1)
        assert second.stop(signal.SIGTERM) == 0


def test_killed_worker_costs_an_attempt_and_no_job(tmp_path: Path) -> None:
    # Given a job that runs, under short leases
    with easel_up(tmp_path / "data", EASEL_LEASE_SECONDS="6", EASEL_RENEW_SECONDS="0.5") as stack:
        job = stack.post(prompt="a whale", num_inference_steps=60)
        until(lambda: stack.get(job["id"])["status"] == "running", 30, "the job to start")
        # When its worker is killed the hard way
        stack.child("worker").kill()
        # Then the job runs again and succeeds
        ended = stack.finish(job["id"])
        assert (ended["status"], ended["attempts"]) == ("succeeded", 2)


def test_two_workers_share_the_jobs_and_go_together(tmp_path: Path) -> None:
    # Given a stack with two workers, of which either holds one job at a time
    with easel_up(tmp_path / "data", EASEL_WORKERS="2", EASEL_SLOTS="1") as stack:
        jobs = [stack.post(prompt="a whale", num_inference_steps=60)["id"] for _ in range(2)]
        # Then both draw at the same time
        until(lambda: {stack.get(job)["status"] for job in jobs} == {"running"}, 60, "both jobs to run")
        # When one is killed the hard way
        first, second = stack.processes("worker")
        first.kill()
        # Then no job is lost, and another worker takes its place
        assert {stack.finish(job)["status"] for job in jobs} == {"succeeded"}
        third = until(lambda: set(stack.processes("worker")) - {first, second}, 60, "a third worker").pop()
        # and both end with the stack
        assert stack.stop() == 0
        assert not second.is_running()
        assert not third.is_running()


def test_killed_supervisor_takes_its_children_along(tmp_path: Path) -> None:
    with easel_up(tmp_path / "data") as stack:
        family = [stack.child(module) for module in ("app", "app.keeper", "worker")]
        stack.process.kill()
        stack.process.wait()
        until(lambda: not any(child.is_running() for child in family), 45, "the children to end")
        # and the folder can be used again at once, though its Valkey was left running
        with easel_up(tmp_path / "data") as again:
            assert again.http.get("/health/ready").status_code == 200
            assert again.stop() == 0


def test_second_stack_on_the_same_folder_is_refused(stack: Stack) -> None:
    second = subprocess.run(
        [EASEL, "up", "--port", str(free_port()), "--data-dir", stack.data_dir],
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert "another Easel is running" in second.stderr


def test_open_address_without_keys_is_refused(tmp_path: Path) -> None:
    refused = subprocess.run(
        [EASEL, "up", "--host", "0.0.0.0", "--port", str(free_port()), "--data-dir", tmp_path / "data"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 2
    assert "EASEL_API_KEYS" in refused.stderr
