"""Spans by the real SDK: linked over processes, timed from where they began, none unless wanted, no harm if unheard."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from core import logs, telemetry
from core.telemetry import Telemetry, mark_failed
from core.tracing import current, trace_id

HEADER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_spans_are_linked() -> None:
    # Given
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans = Telemetry(provider)
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)

    # When one process makes a span under a client's, and another one under that
    with spans.span("request", HEADER, {"method": "POST"}, kind=SpanKind.SERVER) as asked:
        asked.set_attribute("status", 200)
        outer = current()
    with pytest.raises(ValueError, match="broken"), spans.span("draw", outer, {}, start=long_ago):
        raise ValueError("broken")

    # Then
    request, draw = exporter.get_finished_spans()
    assert outer is not None
    assert trace_id(outer) == trace_id(HEADER)
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == HEADER[36:52]
    assert (request.kind, request.attributes) == (SpanKind.SERVER, {"method": "POST", "status": 200})
    assert request.status.is_unset
    assert draw.parent is not None
    assert request.context is not None
    assert draw.parent.span_id == request.context.span_id
    assert draw.start_time == round(long_ago.timestamp() * 1e9)
    assert draw.events[0].name == "exception"
    assert draw.status.status_code is StatusCode.ERROR
    assert draw.attributes == {"error.type": "ValueError"}


def test_without_a_parent_a_trace_begins() -> None:
    with Telemetry(TracerProvider()).span("request", None, {}):
        first = current()
        with Telemetry(TracerProvider()).span("another", None, {}):
            second = current()
    assert first is not None
    assert second is not None
    assert trace_id(first) != trace_id(second)
    assert current() is None


def test_off_a_trace_passes_through() -> None:
    spans = telemetry.start("easel-api", None)
    for trace in (None, HEADER):
        with spans.span("request", trace, {}) as span:
            assert current() == trace
            span.set_attribute("nobody", "hears")
            mark_failed(span, "nobody_cares")
    spans.close()


def test_every_line_of_the_log_names_the_trace() -> None:
    line, trace = logs.JsonFormatter({}), {"trace_id": trace_id(HEADER)}
    record = logging.makeLogRecord({"msg": "drawn"})
    with Telemetry().span("draw", HEADER, {}):
        assert trace.items() <= json.loads(line.format(record)).items()
    assert "trace_id" not in json.loads(line.format(record))


@pytest.fixture
def collector() -> Iterator[tuple[str, list[str]]]:
    """A server that takes what is posted to it, and the paths that it saw."""
    seen: list[str] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    server.server_close()
    thread.join()


def test_spans_are_sent_to_the_collector(collector: tuple[str, list[str]]) -> None:
    url, seen = collector
    spans = telemetry.start("easel-api", url)
    with spans.span("request", None, {}):
        pass
    spans.close()
    assert seen == ["/v1/traces"]


def test_a_collector_that_never_answers_does_not_hold_up_the_end() -> None:
    # Given a collector that takes connections and says nothing
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        spans = telemetry.start("easel-api", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        with spans.span("request", None, {}):
            pass
        # When the process ends
        began = time.monotonic()
        spans.close()
        # Then it waits for the collector no longer than it says (the library's own patience is 30 s)
        assert time.monotonic() - began < telemetry.CLOSE_SECONDS + 5


def test_a_collector_that_is_away_is_told_of_now_and_then() -> None:
    # Given a log that is asked to tell of the same trouble again and again
    seldom = telemetry.RateLimitedFilter(300)
    record = logging.makeLogRecord({"msg": "Failed to export spans batch"})
    # Then it does so once
    assert [seldom.filter(record) for _ in range(3)] == [True, False, False]
    # and again after a while
    assert [telemetry.RateLimitedFilter(0).filter(record) for _ in range(2)] == [True, True]
