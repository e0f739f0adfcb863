"""Addresses of pictures that open without a key for an hour. Knows whose they are, and no job."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Final
from urllib.parse import parse_qs, urlencode

from core.store.secrets import Secrets

LIFETIME_SECONDS: Final = 3600
RESULTS: Final = "/v1/results/"
"""Nothing else can be signed for."""


class Signatures:
    """Signs with a secret that all api processes share."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._secret: bytes | None = None

    def sign(self, path: str, owner: str) -> str:
        """The query string that opens `path` as its owner would, until it expires."""
        expires = int(time.time()) + LIFETIME_SECONDS
        return urlencode({"owner": owner, "expires": expires, "signature": self._signature(path, owner, expires)})

    def owner(self, path: str, query: bytes) -> str | None:
        """Whose address this is, if we signed it and the hour is not over."""
        if not path.startswith(RESULTS) or b"signature=" not in query:
            return None
        fields = parse_qs(query.decode("latin-1"))
        owner, expires, came = (fields.get(name, [""])[0] for name in ("owner", "expires", "signature"))
        if not (expires.isascii() and expires.isdecimal() and len(expires) < 12 and int(expires) > time.time()):
            return None
        right = self._signature(path, owner, int(expires))
        return owner if hmac.compare_digest(right.encode(), came.encode("utf-8", "replace")) else None

    def _signature(self, path: str, owner: str, expires: int) -> str:
        if self._secret is None:
            self._secret = self._secrets.get("signatures")
        return hmac.new(self._secret, f"{path} {owner} {expires}".encode(), hashlib.sha256).hexdigest()
