"""What a webhook endpoint is, and what became of the messages for it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from core.keys import is_issued
from core.record import Record

PREFIX: Final = "whsec_"
MAX_ENDPOINTS: Final = 20
"""For one owner: each is looked at whenever something happens to one of their jobs."""


class WebhookEvent(StrEnum):
    """What an endpoint may hear of; `completed` is any end: success, failure or cancel."""

    STARTED = "started"
    PROGRESS = "progress"
    COMPLETED = "completed"


class Endpoint(Record):
    """Where an owner's events go. Times are aware UTC; `failing_since` is set while nothing gets through."""

    id: str
    owner: str
    url: str
    events: tuple[WebhookEvent, ...]
    description: str = ""
    enabled: bool = True
    disabled_reason: Literal["gone", "failing"] | None = None
    created_at: datetime
    last_success_at: datetime | None = None
    failing_since: datetime | None = None


class Attempt(Record):
    """One try to deliver: `status` is None when no answer came, and `error` then says why."""

    at: datetime
    seconds: float
    status: int | None
    error: str


class LoggedDelivery(Record):
    """A message for an endpoint, with its last attempts, oldest first."""

    id: str
    type: str
    job_id: str | None
    state: Literal["pending", "delivered", "dead"]
    created_at: datetime
    attempts: tuple[Attempt, ...]
    next_attempt_at: datetime | None


def new_secret() -> str:
    """A fresh Standard Webhooks secret as verifiers take it: `whsec_` and 256 random bits in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def secret_of_owner(secret: str, owner: str) -> str:
    """What the URLs that an owner's jobs name are signed with; nobody who knows theirs can sign for another.

    The server's own `secret` where there are no keys, and for those of the settings, which may do everything.
    """
    if not is_issued(owner):
        return secret
    known = base64.b64decode(secret.removeprefix(PREFIX))
    return PREFIX + base64.b64encode(hmac.digest(known, owner.encode(), hashlib.sha256)).decode()


def new_endpoint_id() -> str:
    return f"ep_{secrets.token_hex(12)}"
