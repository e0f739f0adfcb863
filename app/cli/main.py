"""The `easel` command: which subcommands there are."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from app.cli.commands import bench, children, doctor, generate, jobs, keys, models, serve
from app.cli.output import output_failures_told

app = typer.Typer(
    help="Easel: a self-hosted image-generation service.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(serve.up)
app.command()(generate.generate)
for go_on in children.COMMANDS:
    app.command()(go_on)
app.command()(jobs.jobs)
app.command("show")(jobs.show_job)
app.command()(jobs.cancel)
app.add_typer(models.models)
app.add_typer(keys.keys)
app.command()(doctor.doctor)
app.command()(bench.bench)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"easel {version('easel')}")
        raise typer.Exit


@app.callback()
def _root(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Easel: a self-hosted image-generation service."""


def main() -> None:
    """The console entry point."""
    with output_failures_told():
        sys.exit(app())
