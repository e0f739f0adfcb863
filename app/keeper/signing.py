"""Standard Webhooks signatures, v1: the three headers of an attempt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook


def signed_headers(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of one attempt; `message_id` is the same over retries, `timestamp` is not.

    Signed with each of `secrets`, so that a receiver that still has the one before a rotation believes us too.
    """
    sent_at, text = datetime.fromtimestamp(timestamp, tz=UTC), body.decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, sent_at, text) for secret in secrets),
    }
