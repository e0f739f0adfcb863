"""W3C Trace Context: one trace from a client's request over the worker to the webhook.

https://www.w3.org/TR/trace-context/: `traceparent` is version, trace, parent and flags, in hexadecimal digits.
"""

from __future__ import annotations

import secrets
from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

PROPAGATOR: Final = TraceContextTextMapPropagator()

LONGEST: Final = 512
"""Of what is longer the library complains in the log, which whoever sends us headers could fill so."""


def context_of(traceparent: str | None) -> Context:
    """Where a span begins that is made because of it; a malformed one is as good as none, says the standard."""
    return PROPAGATOR.extract({"traceparent": (traceparent or "")[:LONGEST]})


def current() -> str | None:
    """The traceparent for what is done because of the current span; None outside of any trace."""
    carrier: dict[str, str] = {}
    PROPAGATOR.inject(carrier)
    return carrier.get("traceparent")


def trace_id(traceparent: str) -> str:
    """The trace of a `traceparent`: 32 hexadecimal digits."""
    return traceparent[3:35]


def child_of(traceparent: str) -> str:
    """The header for a call that is made because of `traceparent`: the same trace, a parent of its own."""
    return f"{traceparent[:36]}{secrets.token_hex(8)}{traceparent[52:]}"
