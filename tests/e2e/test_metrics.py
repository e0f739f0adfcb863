"""What api, worker and keeper tell Prometheus, held against what was really done."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.app.keeper.receiver import Receiver, answer
from tests.e2e.stack import Stack, easel_up, until
from tests.ports import free_port

pytestmark = pytest.mark.slow

Samples = dict[tuple[str, ...], float]
MODEL = "easel-mini-turbo"
FOLLOWED = 1
"""Rows of a step of one picture of the default model, which is drawn without guidance."""


def scrape(address: str) -> Samples:
    """Samples by name and label values, these in the order of their names."""
    families = text_string_to_metric_families(httpx.get(f"{address}/metrics").raise_for_status().text)
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in families
        for sample in family.samples
    }


def seconds(job: dict[str, Any], start: str, end: str) -> float:
    return (datetime.fromisoformat(job[end]) - datetime.fromisoformat(job[start])).total_seconds()


def test_every_figure_is_true(tmp_path: Path, receiver: Receiver) -> None:
    worker_port, keeper_port = free_port(), free_port()
    environment = {
        "EASEL_SLOTS": "2",
        "EASEL_WORKER_METRICS_PORT": str(worker_port),
        "EASEL_KEEPER_METRICS_PORT": str(keeper_port),
        "EASEL_LOG_FORMAT": "json",
        "EASEL_MAX_QUEUED": "4",
        "EASEL_LEASE_SECONDS": "4",
        "EASEL_RENEW_SECONDS": "1",
    }
    with easel_up(tmp_path / "data", **environment) as stack:
        api, worker, keeper = (
            str(stack.http.base_url),
            f"http://127.0.0.1:{worker_port}",
            f"http://127.0.0.1:{keeper_port}",
        )
        before = scrape(worker)

        # Given two slots that are kept busy, and as many jobs behind them as may wait
        long = [stack.post(prompt="a castle", num_inference_steps=100, n=4) for _ in range(2)]
        until(lambda: all(stack.get(job["id"])["status"] == "running" for job in long), 60, "both slots to be taken")
        # To the first webhook that comes, which must not come again in the middle of the test.
        receiver.scripts = [answer(500, Retry_After="600")]
        behind = [stack.post(prompt="a moon", num_inference_steps=4, webhook=receiver.url) for _ in range(4)]
        # When the api is asked, then it tells of them, and says that it is full
        seen = scrape(api)
        assert (seen["easel_queue_jobs", "default"], seen["easel_jobs_running",]) == (4, 2)
        assert (seen["easel_workers", "cpu", "default"], seen["easel_worker_slots", "cpu", "default"]) == (1, 2)
        assert seen["easel_keeper_up",] == 1
        ready = stack.http.get("/health/ready")
        assert (ready.status_code, ready.json()["error"]["code"]) == (503, "queue_full")
        grown = until(lambda: scrape(api)["easel_queue_oldest_seconds", "default"] > 1, 60, "the oldest to grow older")
        assert grown
        assert 0 < scrape(worker)["easel_engine_drawings",] <= 8

        # When the long ones are canceled and the others are done
        for job in long:
            stack.http.post(f"/v1/generations/{job['id']}/cancel").raise_for_status()
        done = [stack.finish(job["id"]) for job in behind]
        assert {job["status"] for job in done} == {"succeeded"}
        assert {stack.finish(job["id"])["status"] for job in long} == {"canceled"}
        until(lambda: len(receiver.seen) >= 4, 60, "the webhooks")
        outcomes = {("easel_webhook_attempts_total", how): n for how, n in (("delivered", 3.0), ("retried", 1.0))}
        until(lambda: outcomes.items() <= scrape(api).items(), 60, "the webhooks to be counted")

        # Then api, worker and keeper tell what the jobs themselves tell
        seen, drawn, kept = scrape(api), scrape(worker), scrape(keeper)
        assert (seen["easel_jobs_total", MODEL, "succeeded"], seen["easel_jobs_total", MODEL, "canceled"]) == (4, 2)
        assert seen["easel_job_wait_seconds_count", MODEL] == 6
        started = done + [stack.get(job["id"]) for job in long]
        waited = sum(seconds(job, "created_at", "started_at") for job in started)
        assert seen["easel_job_wait_seconds_sum", MODEL] == pytest.approx(waited, abs=0.01)
        ran = sum(seconds(job, "started_at", "finished_at") for job in done)
        assert seen["easel_job_run_seconds_sum", MODEL] == pytest.approx(ran, abs=0.01)
        assert (seen["easel_webhooks_waiting",], seen["easel_queue_jobs", "default"]) == (1, 0)
        assert seen["easel_queue_oldest_seconds", "default"] == 0

        def grew(*sample: str) -> float:
            return drawn.get(sample, 0) - before.get(sample, 0)

        assert drawn["easel_job_starts_total", "1", MODEL] == 6
        for stage in ("queue", "encode", "denoise", "decode", "store"):
            assert drawn["easel_job_stage_seconds_count", MODEL, stage] == 4
            spent = sum(job["timings"][stage] for job in done)
            assert drawn["easel_job_stage_seconds_sum", MODEL, stage] == pytest.approx(spent, abs=0.01)
        rows = grew("easel_forward_rows_sum", MODEL, "denoise")
        assert rows >= 4 * 4 * FOLLOWED
        assert rows % FOLLOWED == 0
        assert grew("easel_forward_rows_count", MODEL, "denoise") < rows
        assert grew("easel_forward_rows_sum", MODEL, "decode") == 4
        assert grew("easel_forward_seconds_total", MODEL, "denoise") > 0
        assert grew("easel_prompts_total", "encoder") == 2
        # The first two moons may be encoded as one, the last two find it.
        assert grew("easel_prompts_total", "cache") >= 2
        assert drawn["process_resident_memory_bytes",] > 10**8
        assert drawn["easel_engine_drawings",] == 0
        answers = {kind: kept["easel_webhook_attempt_seconds_count", kind] for kind in ("2xx", "5xx")}
        assert answers == {"2xx": 3, "5xx": 1}

        # and no line of the log is anything but JSON, and those of jobs have their ids
        lines = [json.loads(line) for line in stack.log.read_text().splitlines() if line.startswith("{")]
        started_ids = {line["job_id"] for line in lines if line["message"] == "job started"}
        assert started_ids == {job["id"] for job in started}

        # and when the worker is killed, its next starts are counted as what they are
        told_of_a_killed_worker(stack, worker, keeper)


def told_of_a_killed_worker(stack: Stack, worker: str, keeper: str) -> None:
    job = stack.post(prompt="a whale", num_inference_steps=60)
    until(lambda: stack.get(job["id"])["status"] == "running", 60, "the job to start")
    stack.child("worker").kill()
    assert stack.finish(job["id"])["status"] == "succeeded"
    assert scrape(worker)["easel_job_starts_total", "2", MODEL] == 1
    assert scrape(keeper)["easel_keeper_jobs_total", "requeued"] == 1
