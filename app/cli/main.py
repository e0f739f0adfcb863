"""The `easel` command: which subcommands there are."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from app.cli.commands import bench, doctor, generate, jobs, keys, serve

app = typer.Typer(
    help="Easel: a self-hosted image-generation service.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(serve.up)
app.command()(generate.generate)
app.command()(jobs.jobs)
app.command("show")(jobs.show_job)
app.command()(jobs.cancel)
app.command()(jobs.models)
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
    """The console entry point. An output that cannot be written is an error with a line, never a traceback."""
    code: object = 1
    try:
        code = run()
        sys.stdout.flush()
    except BrokenPipeError:
        code = 0  # whoever read has had enough, as in `easel jobs | head -1`
        _forget_output()
    except OSError as error:
        sys.stderr.write(f"error: cannot write to the output: {error.strerror}\n")
        _forget_output()
    sys.exit(code)  # type: ignore[arg-type]


def run() -> object:
    """What the command ended with."""
    try:
        return app()
    except SystemExit as ended:
        return ended.code


def _forget_output() -> None:
    """Python writes what is left of the output when it ends, and would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
