"""Takes the trace of a request in, for the job that comes of it and for the log."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.latency import method_of
from core import logs, tracing
from core.telemetry import Span, Telemetry

PROBES: Final = frozenset({"/health/live", "/health/ready", "/metrics"})
"""Asked every few seconds by machines; they belong to no trace."""

SERVER_ERROR: Final = 500


class TracingMiddleware:
    """ASGI middleware. What runs for the request, in threads too, finds its trace in `core.tracing.current`."""

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
        came = tracing.read(Headers(scope=scope).get("traceparent"))
        about = {"http.request.method": method_of(scope), "url.path": path, "url.scheme": scope["scheme"]}
        with self._telemetry.span("easel.request", came, about, kind="server") as span:
            trace = span.traceparent

            async def told(message: Message) -> None:
                if message["type"] == "http.response.start":
                    tell_answer(span, scope, message["status"])
                await send(message)

            words = {"trace_id": tracing.trace_id(trace)} if trace else {}
            token = tracing.current.set(trace)
            try:
                with logs.log_context(**words):
                    await self._app(scope, receive, told)
            finally:
                tracing.current.reset(token)  # the next request of the connection may inherit this context


def tell_answer(span: Span, scope: Scope, status: int) -> None:
    """As OpenTelemetry's conventions for HTTP servers have it: what a client did wrong is no error of ours."""
    route = getattr(scope.get("route"), "path", None)
    if route is not None:
        span.tell("http.route", route)
    span.tell("http.response.status_code", status)
    if status >= SERVER_ERROR:
        span.failed(str(status))
