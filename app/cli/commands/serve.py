"""`easel up`: everything on this machine until Ctrl-C."""

from __future__ import annotations

import logging
import signal
import threading
from typing import Annotated

import typer

from app.cli.terminal import DataDirOption, console, failures_told, settings
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
    chosen = settings(port=port, host=host, data_dir=data_dir)
    logs.configure(chosen)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with failures_told(), running_stack(chosen) as stack:
        stack.wait_ready(stopped.is_set)
        if not stopped.is_set():
            told(chosen, f"Easel is ready at {chosen.base_url}", "[bold green]", "  (Ctrl-C stops it)")
        while not stopped.wait(0.5):
            stack.tend()
        told(chosen, "stopping …")


def told(chosen: Settings, words: str, style: str = "", hint: str = "") -> None:
    """Tell a person at a terminal, or, where logs are JSON, the machine that reads them."""
    if chosen.log_format == "json":
        logger.info(words)
    else:
        console.print(f"\n{style}{words}{style and '[/]'}{hint}\n" if style else words)
