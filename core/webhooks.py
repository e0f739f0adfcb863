"""What a webhook endpoint is, and what became of the messages for it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from pydantic import Field

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
    """Where its owner's events go, as the owner sees it: without its secret."""

    id: str = Field(examples=["ep_5f1c0a9e2b7d4c3f8e6a1b2c"])
    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    url: str
    events: tuple[WebhookEvent, ...]
    description: str
    enabled: bool
    disabled_reason: Literal["gone", "failing"] | None = Field(
        description="Why we disabled it: it answered 410, or took nothing for 120 hours."
    )
    created_at: datetime
    last_success_at: datetime | None
    failing_since: datetime | None = Field(description="Since when nothing has got through.")


class IssuedEndpoint(Endpoint):
    """An endpoint with its secret, this once."""

    secret: str = Field(
        description="What to verify `webhook-signature` with. Keep it now: it is shown only here.",
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )


class Attempt(Record):
    """One try."""

    at: datetime
    seconds: float
    status: int | None = Field(description="What the receiver answered; null if nothing.")
    error: str = Field(description="What went wrong; empty if nothing.")


class LoggedDelivery(Record):
    """A message for an endpoint, with its last attempts, oldest first. Its id is the `webhook-id` header."""

    id: str
    object: Literal["webhook_delivery"] = "webhook_delivery"
    type: str = Field(examples=["generation.succeeded"])
    job_id: str | None
    state: Literal["pending", "delivered", "dead"] = Field(description="`dead`: given up; it can be redelivered.")
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
    """A new endpoint's id: `ep_` and 24 random hexadecimal digits."""
    return f"ep_{secrets.token_hex(12)}"
