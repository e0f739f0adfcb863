"""Takes the trace of a request in, for the job that comes of it and for the log."""

from __future__ import annotations

from typing import Final

from opentelemetry.trace import Span, SpanKind
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.latency import method_of
from core.telemetry import Telemetry, mark_failed

PROBES: Final = frozenset({"/health/live", "/health/ready", "/metrics"})
"""Asked every few seconds by machines; they belong to no trace."""

SERVER_ERROR: Final = 500


class TracingMiddleware:
    """ASGI middleware. What runs for the request, in threads too, finds its trace by `core.tracing.current`."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if path in PROBES:
            await self._app(scope, receive, send)
            return
        came = Headers(scope=scope).get("traceparent")
        about = {"http.request.method": method_of(scope), "url.path": path, "url.scheme": scope["scheme"]}
        with self._telemetry.span("easel.request", came, about, kind=SpanKind.SERVER) as span:

            async def told(message: Message) -> None:
                if message["type"] == "http.response.start":
                    tell_answer(span, scope, message["status"])
                await send(message)

            await self._app(scope, receive, told)


def tell_answer(span: Span, scope: Scope, status: int) -> None:
    """As OpenTelemetry's conventions for HTTP servers have it: what a client did wrong is no error of ours."""
    route = getattr(scope.get("route"), "path", None)
    if route is not None:
        span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", status)
    if status >= SERVER_ERROR:
        mark_failed(span, str(status))
