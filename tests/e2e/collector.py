"""A small OpenTelemetry collector on loopback: takes OTLP over HTTP and keeps the spans. Knows no span by name."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue


@dataclass(frozen=True)
class Seen:
    """A span as it came; `start` and `end` are nanoseconds since 1970, ids are hexadecimal."""

    service: str
    name: str
    kind: int
    trace: str
    id: str
    parent: str
    start: int
    end: int
    failed: bool
    attributes: dict[str, Any]


def plain(value: AnyValue) -> Any:
    return getattr(value, str(value.WhichOneof("value")))


def spans_of(body: bytes) -> list[Seen]:
    found = []
    for told in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = next(plain(pair.value) for pair in told.resource.attributes if pair.key == "service.name")
        for scope in told.scope_spans:
            found += [
                Seen(
                    service=service,
                    name=span.name,
                    kind=span.kind,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    start=span.start_time_unix_nano,
                    end=span.end_time_unix_nano,
                    failed=span.status.code == span.status.STATUS_CODE_ERROR,
                    attributes={pair.key: plain(pair.value) for pair in span.attributes},
                )
                for span in scope.spans
            ]
    return found


class Collector:
    def __init__(self) -> None:
        self.spans: list[Seen] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                collector.spans += spans_of(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def of_trace(self, trace: str) -> dict[str, Seen]:
        """The spans of one trace, by name."""
        return {span.name: span for span in self.spans if span.trace == trace}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
