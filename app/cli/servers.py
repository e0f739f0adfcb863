"""Which Easel a command talks to: one that is named, the one of this machine, or one that runs for the call."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.cli.client import Client
from app.cli.terminal import console, failures_told, settings
from app.stack.up import Stack, running_stack
from core import logs
from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Reached:
    """A server that answers; `wait_ready` returns once its workers are there too, at once if it ran before."""

    client: Client
    wait_ready: Callable[[], None]


@contextmanager
def server(url: str | None, api_key: str | None) -> Iterator[Client]:
    """A client of the server that was named, or of the one on this machine."""
    with failures_told(), Client(url or settings().base_url, api_key) as client:
        yield client


@contextmanager
def any_server(url: str | None, api_key: str | None, chosen: Settings) -> Iterator[Reached]:
    """The same, or one that is started and ends with the block. Raises ClientError, and what `running_stack` does.

    Its api answers long before its workers have loaded a model: what is asked wrongly need not wait for these.
    """
    with Client(url or chosen.base_url, api_key) as client:
        if url or client.is_up():
            yield Reached(client, lambda: None)
            return
    console.print("no Easel is running; starting one for this call …")
    with running_stack(chosen, _quieted(chosen)) as stack, Client(stack.url, api_key) as client:
        stack.wait_ready(client.is_up)
        yield Reached(client, lambda: _wait_ready(stack))


def _wait_ready(stack: Stack) -> None:
    with console.status("loading the model …"):
        stack.wait_ready()


def _quieted(chosen: Settings) -> dict[str, str]:
    """Logs are for operators: this process, and those that get what is returned, tell of errors alone.

    Unless a level is set.
    """
    if "log_level" not in chosen.model_fields_set:
        logs.configure(chosen.model_copy(update={"log_level": "ERROR"}))
        return {"EASEL_LOG_LEVEL": "ERROR"}
    logs.configure(chosen)
    logging.getLogger("httpx").setLevel(max(logging.root.level, logging.WARNING))  # each look at the job is a line
    return {}
