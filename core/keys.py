"""What an API key may do and how much of it. Knows no secret, no store and no HTTP."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from core.jobs import Record

MAX_LIMIT: Final = 1_000_000_000


class Scope(StrEnum):
    """What a key lets its holder do."""

    GENERATE = "generate"
    READ = "read"
    ADMIN = "admin"


LOCAL_OWNER: Final = "local"
"""Whose jobs they are where no key is needed."""

FULL: Final = frozenset(Scope)

Scopes = Annotated[tuple[Annotated[Scope, Field(strict=False)], ...], Field(min_length=1, max_length=3, strict=False)]
ModelId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT)]


class KeyPolicy(Record):
    """What whoever makes a key decides. A limit that is None is the server's own, or none."""

    name: str = Field(
        min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$", description="For people.", examples=["web shop"]
    )
    scopes: Scopes = Field(
        default=(Scope.GENERATE, Scope.READ),
        description="`generate` asks for pictures, cancels and deletes, `read` looks, `admin` makes and ends keys.",
    )
    models: Annotated[tuple[ModelId, ...], Field(strict=False)] = Field(
        default=(), max_length=64, description="The models it may ask for; empty: all.", examples=[["easel-mini"]]
    )
    weight: float = Field(
        default=1.0, ge=0.01, le=100, description="Its share of a busy server: 2 gets twice as much as 1."
    )
    max_queued: Limit | None = Field(default=None, description="Jobs waiting at once; null: the server's limit.")
    requests_per_minute: int | None = Field(
        default=None, ge=0, le=MAX_LIMIT, description="Requests for pictures; null: the server's limit, 0: no limit."
    )
    images_per_day: Limit | None = Field(default=None, description="Pictures a day, in UTC; null: no limit.")
    worker_seconds_per_day: Limit | None = Field(
        default=None, description="Seconds a day, in UTC, that workers are busy with its jobs; null: no limit."
    )


class ApiKey(KeyPolicy):
    """A key as the store knows it, without its secret. Times are aware UTC."""

    id: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def owner(self) -> str:
        """Whose jobs it sees; the same whatever its secret."""
        return owner_of_id(self.id)


def owner_of_id(key_id: str) -> str:
    return f"key_{key_id}"
