"""Log lines for people and for machines."""

from __future__ import annotations

import json
import logging

import pytest

from core import logs


def record(message: str = "job started", **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "worker.runner", "levelname": "INFO", "msg": message})
    made.__dict__.update(extra)
    return made


def test_a_line_for_people() -> None:
    line = logs.TextFormatter({}).format(record(job_id="gen_1", attempt=2))

    assert line.endswith("INFO    worker.runner: job started job_id=gen_1 attempt=2")


def test_a_line_for_machines() -> None:
    line = json.loads(logs.JsonFormatter({}).format(record(job_id="gen_1")))

    assert line.pop("time").endswith("+00:00")
    assert line == {"level": "INFO", "logger": "worker.runner", "message": "job started", "job_id": "gen_1"}


def test_a_traceback_stays_on_its_line() -> None:
    try:
        raise ValueError("inside")
    except ValueError as error:
        line = logs.JsonFormatter({}).format(record(exc_info=(ValueError, error, error.__traceback__)))

    assert "\n" not in line
    assert "ValueError: inside" in json.loads(line)["traceback"]


@pytest.mark.parametrize("formatter", [logs.TextFormatter({}), logs.JsonFormatter({})])
def test_the_current_job_is_named(formatter: logging.Formatter) -> None:
    with logs.log_context(job_id="gen_2"), logs.log_context(trace_id="abc"):
        assert "gen_2" in formatter.format(record())
        assert "abc" in formatter.format(record())
        assert "gen_2" not in formatter.format(record(job_id="gen_3"))
    assert "gen_2" not in formatter.format(record())


@pytest.mark.parametrize("kind", [logs.TextFormatter, logs.JsonFormatter])
def test_what_a_process_is_called_stands_on_every_line(
    kind: type[logs.TextFormatter] | type[logs.JsonFormatter],
) -> None:
    assert "studio-17" in kind({"worker": "studio-17"}).format(record())
