"""Hears what a part of the worker warns of in its log, to tell it to whoever checks a model."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def warned(name: str) -> Iterator[list[str]]:
    """What the log called `name` warns of while this holds, as text."""
    heard: list[str] = []
    log, hearing = logging.getLogger(name), Hearing(heard)
    level = log.level
    log.addHandler(hearing)
    log.setLevel(logging.WARNING)
    try:
        yield heard
    finally:
        log.setLevel(level)
        log.removeHandler(hearing)


class Hearing(logging.Handler):
    """Puts what is logged into a list."""

    def __init__(self, heard: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())
