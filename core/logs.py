"""How every process logs: one line an event, as text or JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from opentelemetry.trace import format_trace_id, get_current_span

from core.settings import Settings

about: ContextVar[Mapping[str, str]] = ContextVar("about", default=MappingProxyType({}))
"""What the current thread or task works on, such as its `job_id`; it is added to each of its lines."""


@contextmanager
def log_context(**words: str) -> Iterator[None]:
    """Add `words` to every line that this thread or task logs meanwhile."""
    token = about.set({**about.get(), **words})
    try:
        yield
    finally:
        about.reset(token)


STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}


def _extra(record: logging.LogRecord, always: Mapping[str, str]) -> dict[str, Any]:
    fields = {name: value for name, value in record.__dict__.items() if name not in STANDARD}
    trace = get_current_span().get_span_context()
    words = {"trace_id": format_trace_id(trace.trace_id)} if trace.is_valid else {}
    return {**always, **words, **about.get(), **fields}


class TextFormatter(logging.Formatter):
    """For people: time, level, logger, message, then key=value."""

    def __init__(self, always: Mapping[str, str]) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
        self._always = always

    def formatMessage(self, record: logging.LogRecord) -> str:
        pairs = "".join(f" {name}={value}" for name, value in _extra(record, self._always).items())
        return super().formatMessage(record) + pairs


class JsonFormatter(logging.Formatter):
    """For machines: one JSON object a line."""

    def __init__(self, always: Mapping[str, str]) -> None:
        super().__init__()
        self._always = always

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_extra(record, self._always),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure(settings: Settings, **words: str) -> None:
    """Set the root logger up, with `words` on every line. Only the main function of a process calls this."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(words) if settings.log_format == "json" else TextFormatter(words))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
