"""Addresses of pictures that open without a key for an hour, signed with their owner's key. Knows no job."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Final
from urllib.parse import parse_qs

LIFETIME_SECONDS: Final = 3600
RESULTS: Final = "/v1/results/"
"""Nothing else can be signed for."""


def sign(path: str, key: bytes) -> str:
    """The query string that opens `path` until it expires."""
    expires = int(time.time()) + LIFETIME_SECONDS
    return f"expires={expires}&signature={_signature(path, expires, key)}"


def is_signed(path: str, query: bytes, key: bytes) -> bool:
    """Whether `key` signed for this path and the hour is not over."""
    if not path.startswith(RESULTS):
        return False
    fields = parse_qs(query.decode("latin-1"))
    expires, signature = (fields.get(name, [""])[0] for name in ("expires", "signature"))
    if not (expires.isascii() and expires.isdecimal() and len(expires) < 12 and int(expires) > time.time()):
        return False
    return hmac.compare_digest(_signature(path, int(expires), key).encode(), signature.encode("utf-8", "replace"))


def _signature(path: str, expires: int, key: bytes) -> str:
    return hmac.new(key, f"easel {path} {expires}".encode(), hashlib.sha256).hexdigest()
