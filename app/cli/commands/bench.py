"""`easel bench`: how fast a running Easel draws, or one that is started for the call."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.progress import Progress
from rich.table import Table

from app.cli.bench import measure
from app.cli.client import Client
from app.cli.servers import any_server
from app.cli.terminal import (
    DataDirOption,
    JsonOption,
    KeyOption,
    ServerOption,
    console,
    failures_told,
    settings,
    show,
)


def bench(
    pictures: Annotated[int, typer.Option(help="How many to draw.", min=1, max=10_000)] = 20,
    clients: Annotated[int, typer.Option(help="How many are asked for at any time.", min=1, max=256)] = 4,
    prompt: Annotated[str, typer.Option(help="What to draw.")] = "a red apple",
    model: Annotated[str | None, typer.Option(help="A model of 'easel models'.")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: KeyOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Measure pictures a second and how long clients wait. One picture is drawn first, unmeasured."""
    body = {name: value for name, value in (("model", model), ("num_inference_steps", steps)) if value is not None}

    def run(client: Client) -> None:
        asked = {"prompt": prompt, **body}
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("drawing", total=pictures + 1)
            measure(client, asked, pictures=1, clients=1, done=lambda: bar.advance(task))
            found = measure(client, asked, pictures=pictures, clients=clients, done=lambda: bar.advance(task))
        show(found, as_json, lambda: table_of(found))

    with failures_told(), any_server(server, api_key, settings(data_dir=data_dir)) as reached:
        reached.wait_ready()
        run(reached.client)


def table_of(found: dict[str, Any]) -> Table:
    """The figures of a run, a row each."""
    table = Table("what", "value", title=f"{found['model']}, {found['clients']} clients")
    table.add_row("pictures a second", f"{found['pictures_a_second']:g}")
    table.add_row("pictures an hour", f"{found['pictures_an_hour']:,}")
    table.add_row("seconds from asking to the end, median", f"{found['latency_p50']:g}")
    table.add_row("the same, 95 of 100", f"{found['latency_p95']:g}")
    table.add_row("seconds until a worker began, median", f"{found['wait_p50']:g}")
    table.add_row("the same, 95 of 100", f"{found['wait_p95']:g}")
    return table
