"""A prompt that may be several jobs, from the command line: submitted as a group, followed to the end of its last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from rich.console import Console

from app.cli.client import ClientError
from app.cli.files import Destination
from app.cli.generation import submit, watched
from app.cli.inputs import Inputs
from app.cli.servers import Reached


def drawn_together(
    reached: Reached,
    body: Mapping[str, Any],
    inputs: Inputs,
    destination_for: Callable[[int], Destination],
    console: Console,
) -> list[dict[str, Any]]:
    """The jobs that have succeeded, with their `files`; `destination_for` is told how many jobs there are.

    Raises ClientError, also where none has succeeded. Whatever ends this early cancels the group.
    """
    client, jobs = reached.client, []
    group = submit(client, body, inputs, "/v1/groups")
    try:
        destination = destination_for(len(group["generations"]))
        reached.wait_ready()
        for number, member in enumerate(group["generations"]):
            job = watched(client, client.get(member["id"]), console)
            for note in job["notes"]:
                console.print(f"{member['label']}: {note}".removeprefix(": "), highlight=False, markup=False)
            if job["status"] == "succeeded":
                jobs.append({**job, "files": [str(file) for file in destination.save(number, job, client.download)]})
            else:
                error = job["error"] or {"code": job["status"], "message": f"the job was {job['status']}"}
                console.print(f"{member['label']}: {error['message']}", highlight=False, markup=False)
    except BaseException:
        with suppress(ClientError):
            client.cancel_group(group["id"])
        raise
    if not jobs:
        raise ClientError("no job of the group has succeeded", "generation_failed")
    return jobs
