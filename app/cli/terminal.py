"""What all commands share at the terminal: their options, how to print, how to fail."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Final, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from app.auth.binding import InsecureBinding
from app.cli.client import ClientError
from app.stack.up import StackFailed
from app.stack.valkey import DataFolderInUse, DataFolderUnusable, ValkeyFailed
from core.catalog.catalog import CatalogError
from core.settings import Settings

console = Console(stderr=True, highlight=False)
"""For people. Standard output is for results: pictures' names, tables, JSON."""

WIDE: Final = 240

output = Console(highlight=False, width=None if sys.stdout is not None and sys.stdout.isatty() else WIDE)
"""Where nobody looks, as in a pipe, no column is cut off."""

ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server", help="Address of a running Easel.", envvar="EASEL_URL", show_default="http://127.0.0.1:8000"
    ),
]
KeyOption = Annotated[str | None, typer.Option("--api-key", help="API key.", envvar="EASEL_API_KEY")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
DataDirOption = Annotated[Path | None, typer.Option(help="Where jobs and pictures are kept.")]


Tell = Callable[[str], None]


def print_error(message: str) -> None:
    """An error for the person at the terminal."""
    console.print("[red]error:[/]", Text(message), soft_wrap=True)


def fail(message: str, code: int = 1, tell: Tell = print_error) -> NoReturn:
    """End the command: 1 for what went wrong, 2 for what was asked wrongly."""
    tell(message)
    raise typer.Exit(code)


@contextmanager
def failures_told(tell: Tell = print_error) -> Iterator[None]:
    """Expected failures become a line on the terminal; anything else is a bug and keeps its traceback."""
    try:
        yield
    except ClientError as error:
        fail(str(error), 2 if error.asked_wrongly else 1, tell)
    except (StackFailed, DataFolderInUse, DataFolderUnusable, ValkeyFailed, CatalogError) as error:
        fail(str(error), 1, tell)
    except InsecureBinding as error:
        fail(str(error), 2, tell)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def settings(tell: Tell = print_error, /, **given: object) -> Settings:
    """The settings with the options that were given; a wrong one ends the command with its message."""
    try:
        return Settings.read(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        for problem in error.errors():
            name = str(problem["loc"][0]).upper() if problem["loc"] else ""
            variable = name if name in ("", "REDIS_URL") else f"EASEL_{name.removeprefix('EASEL_')}"
            tell(f"{variable or 'settings'}: {problem['msg']}")
        raise typer.Exit(2) from None


def show(value: Any, as_json: bool, table: Callable[[], Any]) -> None:  # noqa: ANN401 - JSON in, a rich table out
    """Print `value` as JSON, or what `table` makes of it for people."""
    if as_json:
        typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
        return
    shown = table()
    if isinstance(shown, str):
        typer.echo(shown)  # paths and the like: not wrapped, and no markup
    else:
        output.print(shown)


def local_time(moment: str) -> str:
    """An ISO 8601 moment on this machine's clock, to the second."""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def short_time(moment: str) -> str:
    """The time of a moment of today, the day of any other."""
    then = datetime.fromisoformat(moment).astimezone()
    return then.strftime("%H:%M:%S" if then.date() == datetime.now().astimezone().date() else "%Y-%m-%d")


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Meanwhile, a supervisor's SIGTERM is what Ctrl-C is, so that what was begun is ended in order."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
