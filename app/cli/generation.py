"""One generation from the command line: submitted, followed to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from app.cli.client import Client, ClientError
from app.cli.inputs import Inputs
from app.stack.up import StackFailed

POLL_SECONDS: Final = 0.15
FINISHED: Final = frozenset({"succeeded", "failed", "canceled"})


def submit(client: Client, body: Mapping[str, Any], inputs: Inputs, path: str = "/v1/generations") -> dict[str, Any]:
    """Ask for what `body` says, leaving out what is None. Raises ClientError."""
    said = {name: value for name, value in body.items() if value is not None}
    named = {"inputs": dict(inputs.names)} if inputs.names else {}
    return client.submit({**said, **named}, inputs.files, path)


def follow(client: Client, job: dict[str, Any], ready: Callable[[], None], console: Console) -> dict[str, Any]:
    """The job once it has succeeded; `ready` returns as soon as there is a worker that could draw it.

    Raises ClientError. Ctrl-C cancels the job, and so does a worker that cannot be started.
    """
    try:
        ready()
        ended = watched(client, job, console)
    except (KeyboardInterrupt, StackFailed):
        with suppress(ClientError):
            client.cancel(job["id"])
            console.print("canceled")
        raise
    if ended["status"] != "succeeded":
        error = ended["error"] or {"code": ended["status"], "message": f"the job was {ended['status']}"}
        raise ClientError(error["message"], error["code"])
    return ended


def watched(client: Client, job: dict[str, Any], console: Console) -> dict[str, Any]:
    """The job at its end, whatever that is; meanwhile its place in the queue, its step and the time left are shown."""
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
