"""`easel bench` against the application, and what its figures mean."""

from __future__ import annotations

import json

import httpx
import pytest
from typer.testing import CliRunner

from app.cli.bench import figures, percentile_95
from app.cli.main import app
from tests.app.fake_worker import FakeWorker

runner = CliRunner()


def job(created: int, started: int, finished: int) -> dict[str, object]:
    def moment(second: int) -> str:
        return f"2026-01-01T00:00:{second:02}+00:00"

    return {
        "model": "mini",
        "created_at": moment(created),
        "started_at": moment(started),
        "finished_at": moment(finished),
    }


def test_the_figures_are_those_of_the_jobs() -> None:
    found = figures([job(0, 0, 2), job(0, 2, 4), job(2, 4, 8)], 8.0)

    assert found["pictures_a_second"] == 0.375
    assert found["pictures_an_hour"] == 1350
    assert (found["latency_p50"], found["wait_p50"]) == (4.0, 2.0)
    assert found["latency_p95"] == 5.8
    assert percentile_95([3.0]) == 3.0


def test_every_picture_is_drawn_and_none_is_kept(server: str, worker: FakeWorker) -> None:
    # When
    with worker:
        done = runner.invoke(app, ["bench", "--server", server, "--pictures", "5", "--clients", "2", "--json"])

    # Then
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["pictures"], found["clients"], found["model"]) == (5, 2, "mini")
    assert found["latency_p95"] >= found["latency_p50"] > 0
    jobs = httpx.get(f"{server}/v1/generations").json()["data"]
    assert len(jobs) == 6
    assert not any(job["store"] for job in jobs)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--model", "nonsense"], 2, "nonsense"),
        (["--pictures", "0"], 2, "pictures"),
        (["--server", "http://127.0.0.1:1"], 1, "cannot reach"),
    ],
)
def test_what_is_wrong_is_said(server: str, arguments: list[str], code: int, words: str) -> None:
    where = [] if "--server" in arguments else ["--server", server]
    done = runner.invoke(app, ["bench", *where, *arguments])
    assert done.exit_code == code
    assert words in done.output
    assert "Traceback" not in done.output
