"""Standard Webhooks signatures, v1: HMAC-SHA256 over id, time and body. Knows no HTTP client and no store."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

PREFIX: Final = "whsec_"


def new_secret() -> str:
    """A fresh secret as integrators paste it into a verifier: `whsec_` and 256 random bits in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signed_headers(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of one attempt; `message_id` is the same over retries, `timestamp` is not."""
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    digest = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{digest}",
    }
