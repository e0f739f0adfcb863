"""Spans: how long what took, told to OpenTelemetry where it is installed and wanted.

Off, and nothing of OpenTelemetry imported, unless EASEL_OTLP_ENDPOINT is set; then `pip install 'easel[otel]'`.
A collector that is away costs its spans and a line in the log now and then, never the time of a request or of a stop.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, Protocol

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span as OtelSpan

Kind = Literal["internal", "server", "client", "consumer"]
Value = str | int

SEND_SECONDS: Final = 3.0
"""How long one batch of spans may take to be sent, tries included."""

CLOSE_SECONDS: Final = 2.0
"""How long a process that stops waits for its last spans to be sent."""

COMPLAIN_SECONDS: Final = 300.0
COMPLAINING: Final = ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "opentelemetry.sdk._shared_internal")


class Span:
    """Of which nobody hears: the trace passes through as it came."""

    def __init__(self, traceparent: str | None) -> None:
        self.traceparent = traceparent
        """What is done because of it is done under this."""

    def tell(self, name: str, value: Value) -> None:
        """Say more about it, by a name of OpenTelemetry's semantic conventions or one of ours."""

    def failed(self, code: str) -> None:
        """It came to nothing good, and `code` says why."""


class Telemetry(Protocol):
    def span(
        self,
        name: str,
        parent: str | None,
        attributes: Mapping[str, Value],
        *,
        kind: Kind = "internal",
        start: datetime | None = None,
    ) -> AbstractContextManager[Span]:
        """A span under the traceparent `parent`, from `start` or now until the context ends."""

    def close(self) -> None:
        """Send what is left, in a few seconds or not at all."""


class Off:
    """Nobody wants spans."""

    def span(
        self,
        name: str,
        parent: str | None,
        attributes: Mapping[str, Value],
        *,
        kind: Kind = "internal",
        start: datetime | None = None,
    ) -> AbstractContextManager[Span]:
        return nullcontext(Span(parent))

    def close(self) -> None:
        pass


class _Told(Span):
    def __init__(self, traceparent: str | None, span: OtelSpan) -> None:
        super().__init__(traceparent)
        self._span = span

    def tell(self, name: str, value: Value) -> None:
        self._span.set_attribute(name, value)

    def failed(self, code: str) -> None:
        from opentelemetry.trace import StatusCode

        self._span.set_attribute("error.type", code)
        self._span.set_status(StatusCode.ERROR)


class OpenTelemetry:
    """Spans of one `provider`, linked by W3C Trace Context."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("easel")

    @contextmanager
    def span(
        self,
        name: str,
        parent: str | None,
        attributes: Mapping[str, Value],
        *,
        kind: Kind = "internal",
        start: datetime | None = None,
    ) -> Iterator[Span]:
        from opentelemetry.trace import SpanKind, set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        propagator = TraceContextTextMapPropagator()
        span = self._tracer.start_span(
            name,
            context=propagator.extract({"traceparent": parent} if parent else {}),
            kind=SpanKind[kind.upper()],
            attributes=dict(attributes),
            start_time=None if start is None else round(start.timestamp() * 1e9),
        )
        carrier: dict[str, str] = {}
        propagator.inject(carrier, context=set_span_in_context(span))
        told = _Told(carrier.get("traceparent"), span)
        try:
            yield told
        except BaseException as error:
            span.record_exception(error)
            told.failed(type(error).__name__)
            raise
        finally:
            span.end()

    def close(self) -> None:
        # Its own time limit is half a minute, and a collector that takes and never answers would use it up.
        last = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        last.start()
        last.join(CLOSE_SECONDS)


class Seldom(logging.Filter):
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
    """Spans to the OTLP collector at `endpoint`, such as http://127.0.0.1:4318; none without.

    Raises ValueError if OpenTelemetry is wanted and not installed.
    """
    if endpoint is None:
        return Off()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ValueError("EASEL_OTLP_ENDPOINT is set: pip install 'easel[otel]'") from error
    for name in COMPLAINING:
        logging.getLogger(name).setLevel(logging.ERROR)
        logging.getLogger(name).addFilter(Seldom(COMPLAIN_SECONDS))
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=SEND_SECONDS)
    provider = TracerProvider(resource=Resource.create({"service.name": service}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return OpenTelemetry(provider)
