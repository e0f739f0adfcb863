"""Draws from the command line: submit, show progress, save the pictures."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from app.cli.client import Client, ClientError

POLL_SECONDS: Final = 0.15
FINISHED: Final = frozenset({"succeeded", "failed", "canceled"})


def draw(client: Client, body: Mapping[str, Any], files: Mapping[str, bytes], console: Console) -> dict[str, Any]:
    """Run one generation to its end and return it; `files` are its inputs by role.

    Raises ClientError; Ctrl-C cancels the job.
    """
    job = client.submit({name: value for name, value in body.items() if value is not None}, files)
    try:
        job = _follow(client, job, console)
    except KeyboardInterrupt:
        client.cancel(job["id"])
        console.print("canceled")
        raise
    if job["status"] != "succeeded":
        error = job["error"] or {"code": job["status"], "message": f"the job was {job['status']}"}
        raise ClientError(error["message"], error["code"])
    return job


def save(client: Client, job: Mapping[str, Any], paths: Sequence[Path]) -> None:
    """Fetch the job's outputs into `paths`. Raises ClientError."""
    for output, path in zip(job["outputs"], paths, strict=True):
        content = client.download(output["url"])
        try:
            path.write_bytes(content)
        except OSError as error:
            raise ClientError(
                f"cannot write {path}: {error.strerror}; the picture is kept as {output['url']}"
            ) from error


def _follow(client: Client, job: dict[str, Any], console: Console) -> dict[str, Any]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("queued", total=None)
        while job["status"] not in FINISHED:
            progress = job["progress"]
            if job["status"] == "queued":
                bar.update(task, description=f"queued, place {job['queue_position'] or '?'}")
            elif progress and progress["steps"]:
                step, steps = progress["step"], progress["steps"]
                bar.update(task, description=f"step {step} of {steps}", completed=step, total=steps)
            else:
                bar.update(task, description=progress["stage"] if progress else "starting")
            time.sleep(POLL_SECONDS)
            job = client.get(job["id"])
    return job
