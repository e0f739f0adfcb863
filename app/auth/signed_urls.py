"""Addresses that open without a key for a while; which may, their routes declare."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs

from core.errors import Forbidden
from core.store.secrets import Secrets

STEP_SECONDS: Final = 60
"""Ends are rounded up to whole minutes, so that a page that asks again finds the picture in its cache."""


class UrlSigner:
    """Signs with a secret that all api processes and keepers share."""

    def __init__(self, secrets: Secrets, lifetime_seconds: int, clock: Callable[[], float] = time.time) -> None:
        self._secrets = secrets
        self._secret: bytes | None = None
        self._lifetime = lifetime_seconds
        self._clock = clock

    def sign(self, path: str) -> str:
        """The query string that opens `path` until it expires."""
        until = -(-int(self._clock() + self._lifetime) // STEP_SECONDS) * STEP_SECONDS
        return f"exp={until}&sig={self._signature(path, str(until))}"

    def check(self, path: str, query: bytes) -> None:
        """Raise Forbidden unless we signed for `path` and the time is not over."""
        fields = parse_qs(query.decode("latin-1"))
        until, came = (fields.get(name, [""])[0] for name in ("exp", "sig"))
        if not hmac.compare_digest(self._signature(path, until).encode(), came.encode("utf-8", "replace")):
            raise Forbidden(
                "the signature of this address is not good: take the address from the generation again, whole",
                code="invalid_signature",
                param="sig",
            )
        if int(until) <= self._clock():
            raise Forbidden(
                "this address has expired: look at the generation for a fresh one, or send the API key",
                code="url_expired",
                param="exp",
            )

    def _signature(self, path: str, until: str) -> str:
        if self._secret is None:
            self._secret = self._secrets.get("signatures")
        digest = hmac.digest(self._secret, f"GET\n{path}\n{until}".encode("utf-8", "replace"), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def is_signed(method: str, query: bytes) -> bool:
    """Whether a request comes with a signature, good or not; one is for looking only."""
    return method in ("GET", "HEAD") and b"sig=" in query
