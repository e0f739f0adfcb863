"""`easel up`: everything on this machine until Ctrl-C."""

from __future__ import annotations

import logging
import signal
import threading
from typing import Annotated

import typer
from pydantic import ValidationError

from app.cli.terminal import DataDirOption, Tell, console, failures_told, print_error, settings
from app.stack.up import running_stack
from core import logs
from core.settings import Settings

logger = logging.getLogger(__name__)


def up(
    port: Annotated[int | None, typer.Option(help="Port of the api.", show_default="8000")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    data_dir: DataDirOption = None,
) -> None:
    """Start everything on this machine and keep it running; Ctrl-C stops it."""
    tell = teller()
    chosen = settings(tell, port=port, host=host, data_dir=data_dir)
    logs.configure(chosen)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with failures_told(tell), running_stack(chosen) as stack:
        stack.wait_ready(stopped.is_set)
        if not stopped.is_set():
            ready = f"Easel is ready at {chosen.base_url}"
            say(chosen, ready, for_people=f"\n[bold green]{ready}[/]  (Ctrl-C stops it)\n")
        while not stopped.wait(0.5):
            stack.tend()
        say(chosen, "stopping", for_people="stopping …")


def say(chosen: Settings, message: str, *, for_people: str) -> None:
    """Tell what people like to read, or a line of the log where logs are read by machines."""
    if chosen.log_format == "json":
        logger.info(message)
    else:
        console.print(for_people)


def teller() -> Tell:
    """How errors are told: like all that is logged, where logs are JSON, even if another setting is wrong."""
    others = {name: info.default for name, info in Settings.model_fields.items() if name != "log_format"}
    try:
        early = Settings.read(**others)
    except ValidationError:
        return print_error
    if early.log_format != "json":
        return print_error
    logs.configure(early)
    return logger.error
