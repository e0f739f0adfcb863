"""`easel jobs`, `show`, `cancel` and `models`: what a running server knows."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.json import JSON
from rich.table import Column, Table
from rich.text import Text

from app.cli.servers import server
from app.cli.terminal import JsonOption, KeyOption, ServerOption, short_time, show

JobArgument = Annotated[str, typer.Argument(help="A job's id, gen_…")]
COLORS = {"succeeded": "green", "failed": "red", "canceled": "yellow", "running": "cyan", "queued": "blue"}


def jobs(
    status: Annotated[str | None, typer.Option(help="Only queued, running, succeeded, failed or canceled.")] = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=100)] = 20,
    as_json: JsonOption = False,
    url: ServerOption = None,
    api_key: KeyOption = None,
) -> None:
    """List your jobs, newest first."""
    with server(url, api_key) as client:
        page = client.list(limit=limit, status=status)
    show(page["data"], as_json, lambda: jobs_table(page["data"]))


def show_job(
    job_id: JobArgument, as_json: JsonOption = False, url: ServerOption = None, api_key: KeyOption = None
) -> None:
    """Show all that is known of a job."""
    with server(url, api_key) as client:
        job = client.get(job_id)
    show(job, as_json, lambda: JSON.from_data(job))


def cancel(
    job_id: JobArgument, as_json: JsonOption = False, url: ServerOption = None, api_key: KeyOption = None
) -> None:
    """Stop a job, waiting or running."""
    with server(url, api_key) as client:
        job = client.cancel(job_id)
    show(job, as_json, lambda: jobs_table([job]))


def models(as_json: JsonOption = False, url: ServerOption = None, api_key: KeyOption = None) -> None:
    """List the models of the server, with their sizes and defaults."""
    with server(url, api_key) as client:
        rows = client.models()["data"]
    show(rows, as_json, lambda: models_table(rows))


def jobs_table(rows: list[dict[str, Any]]) -> Table | str:
    """An id is what the next command needs: it is never cut, whatever else has to be.

    Tasks and models are named where there are several.
    """
    if not rows:
        return "no jobs"
    differing = [name for name in ("task", "model") if len({job[name] for job in rows}) > 1]
    table = Table(Column("job", min_width=max(len(job["id"]) for job in rows)), "status", "created", box=SIMPLE_HEAD)
    for name in (*differing, "prompt"):
        table.add_column(name)
    for job in rows:
        several = f" × {len(job['seeds'])}" if len(job["seeds"]) > 1 else ""
        table.add_row(
            job["id"],
            Text(job["status"], style=COLORS.get(job["status"], "")),
            short_time(job["created_at"]),
            *[Text(job[name]) for name in differing],
            Text((job["parameters"].get("prompt") or job["task"]) + several),
        )
    return table


def models_table(rows: list[dict[str, Any]]) -> Table:
    """The models as the API tells them, a row each."""
    table = Table("model", "state", "size", "steps", "scheduler", "about")
    for row in rows:
        size = row["size"]
        table.add_row(
            row["id"] + (" (default)" if row["is_default"] else ""),
            row["state"],
            f"{size['width']}×{size['height']}, {size['minimum']}-{size['maximum']} by {size['multiple']}",
            str(row["num_inference_steps"]),
            row["scheduler"],
            Text(row["description"]),
        )
    return table
