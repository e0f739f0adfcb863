"""What an API key may do and how much of it."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from core.catalog.adapter import ADAPTER_ID
from core.record import Record

MAX_LIMIT: Final = 1_000_000_000
MAX_EXPIRY_SECONDS: Final = 10 * 366 * 24 * 3600

OVERLAP_SECONDS: Final = 24 * 3600
"""How long the old secret stays good after a rotation, unless its holder says otherwise."""

MAX_OVERLAP_SECONDS: Final = 30 * 24 * 3600


class Scope(StrEnum):
    """What a key lets its holder do."""

    GENERATE = "generate"
    READ = "read"
    ADMIN = "admin"


ISSUED_OWNER: Final = re.compile(r"key_[0-9a-f]{8}")

LOCAL_OWNER: Final = "local"
"""Whose jobs they are where no key is needed."""

FULL: Final = frozenset(Scope)

Scopes = Annotated[tuple[Annotated[Scope, Field(strict=False)], ...], Field(min_length=1, max_length=3, strict=False)]
ModelId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
AdapterId = Annotated[str, Field(pattern=ADAPTER_ID)]
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
    adapters: Annotated[tuple[AdapterId, ...], Field(strict=False)] = Field(
        default=(), max_length=64, description="The adapters it may ask for; empty: all.", examples=[["inked"]]
    )
    weight: float = Field(
        default=1.0, ge=0.01, le=100, description="Its share of a busy server: 2 gets twice as much as 1."
    )
    max_queued: Limit | None = Field(default=None, description="Jobs waiting at once; null: the server's limit.")
    max_running: Limit | None = Field(default=None, description="Jobs running at once; null: the server's limit.")
    requests_per_minute: int | None = Field(
        default=None,
        ge=0,
        le=MAX_LIMIT,
        description="Requests a minute that make work, 0 for no limit; null: the server's limit.",
    )
    images_per_day: Limit | None = Field(default=None, description="Pictures a day, in UTC; null: the server's limit.")
    worker_seconds_per_day: Limit | None = Field(
        default=None,
        description="Seconds a day, in UTC, that workers work for it; null: the server's limit.",
    )
    retention_hours: float | None = Field(
        default=None,
        ge=0.01,
        le=24 * 366,
        description="Hours after its end until a job of this key and its pictures are removed; null: as the server.",
    )


LIMITS: Final = frozenset(name for name, field in KeyPolicy.model_fields.items() if field.default is None)
"""What may be unlimited; the other fields every key must have."""


class KeyIdentity(Record):
    """Which key it is: the first that is said of one."""

    id: str = Field(examples=["1f0c9a7e"])
    object: Literal["api_key"] = "api_key"


class ApiKey(KeyPolicy, KeyIdentity):
    """A key without its secret, which nobody can be told again."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = Field(default=None, description="To the minute.")
    revoked_at: datetime | None = None

    @property
    def owner(self) -> str:
        """Whose jobs it sees; the same whatever its secret."""
        return owner_of_id(self.id)


def owner_of_id(key_id: str) -> str:
    """The owner of what the holder of key `key_id` asks for."""
    return f"key_{key_id}"


def key_id_of(owner: str) -> str:
    """The id of the key that `owner` holds, one that was made."""
    return owner.removeprefix("key_")


def is_issued(owner: str) -> bool:
    """Whether `owner` holds a key that was made, and not one of the settings or none."""
    return ISSUED_OWNER.fullmatch(owner) is not None
