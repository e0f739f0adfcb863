"""Webhook endpoints and their delivery logs in Redis."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

from redis import Redis

from core.errors import Conflict
from core.key_names import names_of
from core.store.records import moment, pairs
from core.store.scripts import Scripts
from core.webhooks import (
    MAX_ENDPOINTS,
    Attempt,
    Endpoint,
    IssuedEndpoint,
    LoggedDelivery,
    WebhookEvent,
    new_endpoint_id,
    new_secret,
)

ENDPOINT_ID: Final = re.compile(r"ep_[0-9a-f]{24}")

OVERLAP_SECONDS: Final = 24 * 3600
"""How long messages are signed with the old secret too after a rotation."""


class EndpointStore:
    """An owner sees their own only: to everybody else an endpoint does not exist."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._names = names_of(redis)
        self._run = Scripts(redis)

    def create(
        self, owner: str, url: str, *, events: tuple[WebhookEvent, ...], description: str = "", enabled: bool = True
    ) -> IssuedEndpoint:
        """Raises Conflict for an owner who has MAX_ENDPOINTS."""
        known: Any = self._redis.zcard(self._names("endpoints", owner))
        if known >= MAX_ENDPOINTS:
            raise Conflict(
                f"you have {known} webhook endpoints, the most there may be: remove one", code="too_many_endpoints"
            )
        endpoint_id, secret = new_endpoint_id(), new_secret()
        now: Any = self._redis.time()
        created_at = now[0] * 1000
        fields = {
            **_written({"url": url, "events": events, "description": description, "enabled": enabled}),
            "owner": owner,
            "secret": secret,
            "created_at": str(created_at),
        }
        with self._redis.pipeline() as pipe:
            pipe.hset(self._names("endpoint", endpoint_id), items=pairs(fields))
            pipe.zadd(self._names("endpoints", owner), {endpoint_id: created_at})
            pipe.execute()
        return self._issued(owner, endpoint_id, secret)

    def list(self, owner: str) -> tuple[Endpoint, ...]:
        """Oldest first."""
        members: Any = self._redis.zrange(self._names("endpoints", owner), 0, -1)
        found = [self.get(owner, member.decode()) for member in members]
        return tuple(endpoint for endpoint in found if endpoint is not None)

    def get(self, owner: str, endpoint_id: str) -> Endpoint | None:
        raw: Any = (
            self._redis.hgetall(self._names("endpoint", endpoint_id)) if ENDPOINT_ID.fullmatch(endpoint_id) else {}
        )
        return _read(endpoint_id, raw) if raw and raw[b"owner"].decode() == owner else None

    def edit(self, owner: str, endpoint_id: str, changes: Mapping[str, Any]) -> Endpoint | None:
        """Change `url`, `events`, `description` or `enabled`; enabling forgives past failures. None if unknown."""
        if self.get(owner, endpoint_id) is None:
            return None
        if not self._run("edit_endpoint", endpoint_id, *pairs(_written(changes))):
            return None
        return self.get(owner, endpoint_id)

    def rotate(self, owner: str, endpoint_id: str) -> IssuedEndpoint | None:
        """A new secret; the old one signs along for OVERLAP_SECONDS. None if there is no such endpoint."""
        if self.get(owner, endpoint_id) is None:
            return None
        secret = new_secret()
        if not self._run("rotate_endpoint", endpoint_id, secret, OVERLAP_SECONDS):
            return None
        return self._issued(owner, endpoint_id, secret)

    def remove(self, owner: str, endpoint_id: str) -> bool:
        """Forget it and its log; what is on its way to it is dropped. False if there is no such endpoint."""
        if self.get(owner, endpoint_id) is None:
            return False
        with self._redis.pipeline() as pipe:
            pipe.delete(self._names("endpoint", endpoint_id), self._names("deliveries", endpoint_id))
            pipe.zrem(self._names("endpoints", owner), endpoint_id)
            pipe.execute()
        return True

    def test(self, owner: str, endpoint_id: str) -> LoggedDelivery | None:
        """Put a test message into the outbox, to be tried once, for a disabled endpoint too. None if unknown."""
        message_id = f"msg_{secrets.token_hex(20)}"
        if self.get(owner, endpoint_id) is None or not self._run("test_endpoint", endpoint_id, message_id):
            return None
        return self._delivery(message_id)

    def redeliver(self, owner: str, endpoint_id: str, message_id: str) -> LoggedDelivery | None:
        """Send a message of the log again under its id, from the job as it is now. None if the log has none such."""
        if self.get(owner, endpoint_id) is None or not self._run("redeliver", endpoint_id, message_id):
            return None
        return self._delivery(message_id)

    def deliveries(self, endpoint_id: str) -> tuple[LoggedDelivery, ...]:
        """The last hundred messages, newest first; each is kept for 30 days after its end."""
        members: Any = self._redis.zrange(self._names("deliveries", endpoint_id), 0, -1, desc=True)
        found = [self._delivery(member.decode()) for member in members]
        return tuple(delivery for delivery in found if delivery is not None)

    def _delivery(self, message_id: str) -> LoggedDelivery | None:
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(self._names("delivery", message_id))
            pipe.zscore(self._names("outbox"), message_id)
            raw, due = pipe.execute()
        return _read_delivery(message_id, raw, due) if raw else None

    def _issued(self, owner: str, endpoint_id: str, secret: str) -> IssuedEndpoint:
        endpoint = self.get(owner, endpoint_id)
        if endpoint is None:
            raise LookupError(f"the endpoint {endpoint_id} was removed meanwhile")
        return IssuedEndpoint(**endpoint.__dict__, secret=secret)


def _written(fields: Mapping[str, Any]) -> dict[str, str]:
    """Plain words, as the scripts read them."""
    written = {name: str(value) for name, value in fields.items() if name in ("url", "description")}
    if "events" in fields:
        written["events"] = " ".join(fields["events"])
    if "enabled" in fields:
        written["enabled"] = "1" if fields["enabled"] else "0"
    return written


def _read(endpoint_id: str, raw: Mapping[bytes, bytes]) -> Endpoint:
    field = {name.decode(): value.decode() for name, value in raw.items()}
    times = {name: moment(field.get(name)) for name in ("created_at", "last_success_at", "failing_since")}
    plain = {name: field.get(name) for name in ("url", "description", "disabled_reason")}
    events = tuple(WebhookEvent(word) for word in field["events"].split() if word in set(WebhookEvent))
    return Endpoint.model_validate(
        {**plain, **times, "id": endpoint_id, "events": events, "enabled": field["enabled"] == "1"}
    )


def _read_delivery(message_id: str, raw: Mapping[bytes, bytes], due: float | None) -> LoggedDelivery:
    field = {name.decode(): value.decode() for name, value in raw.items() if name != b"body"}
    tries = sorted((int(name.removeprefix("try:")), value) for name, value in field.items() if name.startswith("try:"))
    return LoggedDelivery.model_validate(
        {
            "id": message_id,
            "type": field["type"],
            "job_id": field["job"] or None,
            "state": field["state"],
            "created_at": moment(field["created_at"]),
            "attempts": tuple(_read_attempt(json.loads(value)) for _, value in tries),
            "next_attempt_at": None if due is None else moment(str(round(due))),
        }
    )


def _read_attempt(written: Mapping[str, Any]) -> Attempt:
    status = int(written["status"]) if written["status"] else None
    return Attempt.model_validate({**written, "at": moment(str(written["at"])), "status": status})
