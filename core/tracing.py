"""W3C Trace Context: one trace from a client's request over the worker to the webhook.

https://www.w3.org/TR/trace-context/: `traceparent` is version, trace, parent and flags, in hexadecimal digits.
"""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar
from typing import Final

TRACEPARENT: Final = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<rest>-.*)?"
)

current: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""The trace that the request of this task or thread belongs to."""


def read(header: str | None) -> str | None:
    """`header` in the form of version 00, or None: a malformed one is as good as none, says the standard."""
    match = TRACEPARENT.fullmatch((header or "").strip())
    if match is None or not match["trace"].strip("0") or not match["parent"].strip("0"):
        return None
    if match["version"] == "00" and match["rest"]:
        return None
    return f"00-{match['trace']}-{match['parent']}-{match['flags']}"


def trace_id(traceparent: str) -> str:
    return traceparent[3:35]


def child_of(traceparent: str) -> str:
    """The header for a call that is made because of `traceparent`: the same trace, a parent of its own."""
    return f"{traceparent[:36]}{secrets.token_hex(8)}{traceparent[52:]}"
