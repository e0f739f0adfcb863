"""Spans: how long what took, told by OpenTelemetry's own API.

They are dropped unless EASEL_OTLP_ENDPOINT is set; then `pip install 'easel[otel]'` brings what sends them.
A collector that is away costs its spans and a line in the log now and then, never the time of a request or of a stop.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Final

from opentelemetry.trace import NoOpTracerProvider, Span, SpanKind, StatusCode

from core import tracing

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

SEND_SECONDS: Final = 3.0
"""How long one batch of spans may take to be sent, tries included."""

CLOSE_SECONDS: Final = 2.0
"""How long a process that stops waits for its last spans to be sent."""

COMPLAIN_SECONDS: Final = 300.0
COMPLAINING: Final = ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "opentelemetry.sdk._shared_internal")


class Telemetry:
    """Makes a process's spans; without a `provider` they are dropped, and a trace passes through as it came."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._provider = provider
        self._tracer = (provider or NoOpTracerProvider()).get_tracer("easel")

    @contextmanager
    def span(
        self,
        name: str,
        parent: str | None,
        attributes: Mapping[str, str | int],
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        start: datetime | None = None,
    ) -> Iterator[Span]:
        """The current span until the context ends: under the traceparent `parent`, from `start` or now."""
        with self._tracer.start_as_current_span(
            name,
            context=tracing.context_of(parent),
            kind=kind,
            attributes=attributes,
            start_time=None if start is None else round(start.timestamp() * 1e9),
            set_status_on_exception=False,  # said below, by a code
        ) as span:
            try:
                yield span
            except BaseException as error:
                mark_failed(span, type(error).__name__)
                raise

    def close(self) -> None:
        """Send what is left, in a few seconds or not at all."""
        if self._provider is None:
            return
        # Its own time limit is half a minute, and a collector that takes and never answers would use it up.
        last = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        last.start()
        last.join(CLOSE_SECONDS)


def mark_failed(span: Span, code: str) -> None:
    """It came to nothing good, and `code` says why."""
    span.set_attribute("error.type", code)
    span.set_status(StatusCode.ERROR)


class RateLimitedFilter(logging.Filter):
    """Lets one line through, then none for a while: a collector that is away is no news every second."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._next = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True


def start(service: str, endpoint: str | None) -> Telemetry:
    """Spans to the OTLP collector at `endpoint`, such as http://127.0.0.1:4318; dropped without one.

    Raises ValueError if there is one and what sends them is not installed.
    """
    if endpoint is None:
        return Telemetry()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ValueError("EASEL_OTLP_ENDPOINT is set: pip install 'easel[otel]'") from error
    for name in COMPLAINING:
        logging.getLogger(name).setLevel(logging.ERROR)
        logging.getLogger(name).addFilter(RateLimitedFilter(COMPLAIN_SECONDS))
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=SEND_SECONDS)
    provider = TracerProvider(resource=Resource.create({"service.name": service}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Telemetry(provider)
