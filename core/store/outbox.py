"""Webhook rows: written by the commit script, taken by a sender for a while, settled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from redis import Redis

from core.key_names import names_of
from core.store.scripts import Scripts


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one URL; `attempts` counts this one. `message_id` stays the same over retries.

    `owner` is whose job or endpoint it is about; `secrets` are those of its endpoint, none for the URL of a job; a
    message that is sent `once` is not tried again.
    """

    message_id: str
    job_id: str
    type: str
    url: str
    created_at: datetime
    attempts: int
    body: bytes | None
    endpoint_id: str | None = None
    secrets: tuple[str, ...] = ()
    once: bool = False
    traceparent: str | None = None
    owner: str = ""


class Outbox:
    """The messages that are due, for the keeper that sends them."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._names = names_of(redis)
        self._run = Scripts(redis)

    def take(self, lease_seconds: float) -> Delivery | None:
        """The most overdue message, ours for `lease_seconds`; None if nothing is due."""
        answer: Any = self._run("take_delivery", round(lease_seconds * 1000))
        if not answer:
            return None
        row = {answer[i].decode(): answer[i + 1] for i in range(1, len(answer), 2)}
        return Delivery(
            message_id=answer[0].decode(),
            job_id=row["job"].decode(),
            type=row["type"].decode(),
            url=row["url"].decode(),
            created_at=datetime.fromtimestamp(int(row["created_at"]) / 1000, tz=UTC),
            attempts=int(row["attempts"]),
            body=row.get("body"),
            endpoint_id=row["endpoint"].decode() if "endpoint" in row else None,
            secrets=tuple(row[name].decode() for name in ("secret", "old_secret") if name in row),
            once=row.get("once") == b"1",
            traceparent=row.get("traceparent", b"").decode() or None,
            owner=row.get("owner", b"").decode(),
        )

    def defer(self, message_id: str, delay_seconds: float) -> None:
        """Put a taken row back, due after `delay_seconds`; the attempt does not count."""
        self._run("defer_delivery", message_id, round(delay_seconds * 1000))

    def keep_body(self, message_id: str, body: bytes) -> None:
        """Fix the body at the first attempt, so that every retry sends the same bytes."""
        self._redis.hset(self._names("delivery", message_id), "body", body)

    def settle(
        self,
        message_id: str,
        state: Literal["delivered", "dead", "pending"],
        *,
        delay_seconds: float = 0,
        last_status: int | None = None,
        last_error: str = "",
        seconds: float = 0,
    ) -> bool:
        """Write down how the attempt went; `pending` makes it due again after `delay_seconds`.

        True if the message's endpoint was disabled for it.
        """
        answer: Any = self._run(
            "settle_delivery", message_id, state, round(delay_seconds * 1000), round(seconds, 3),
            "" if last_status is None else last_status, last_error[:1024],
        )  # fmt: skip
        return bool(answer == 2)

    def state(self, message_id: str) -> dict[str, str]:
        """The row of a message, for tests and operators; empty if unknown."""
        row: Any = self._redis.hgetall(self._names("delivery", message_id))
        return {name.decode(): value.decode() for name, value in row.items() if name != b"body"}

    def secret(self, fresh: str) -> str:
        """The signing secret shared by all senders: the one in Redis, or `fresh`, which is then kept."""
        self._redis.set(self._names("webhook:secret"), fresh, nx=True)
        kept: Any = self._redis.get(self._names("webhook:secret"))
        return str(kept.decode())
