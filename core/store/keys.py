"""API keys in Redis: digests only, found by id.

A secret has 256 random bits, so one SHA-256 is enough: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from redis import Redis

from core.errors import Conflict, NotFound
from core.key_names import names_of
from core.keys import OVERLAP_SECONDS, ApiKey, KeyPolicy, Scope, owner_of_id
from core.store.records import pairs
from core.store.scripts import Scripts
from core.store.shares import ShareStore

KEY: Final = re.compile(r"ek_(?P<id>[0-9a-f]{8})_(?P<secret>[A-Za-z0-9_-]{43})")
KEY_ID: Final = re.compile(r"[0-9a-f]{8}")

LISTS: Final = ("models", "adapters")
"""Fields of a policy that are lists of names."""

USED_SECONDS: Final = 60
"""`last_used_at` is no more exact than this, so that a busy key does not write with every request."""

TIMES: Final = ("created_at", "expires_at", "last_used_at", "revoked_at")
NOBODY: Final = "0" * 64
"""Compared with where there is no key of that id, so that the time says nothing."""


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key and, this once, its whole text."""

    key: ApiKey
    text: str


class KeyStore:
    """Raises NotFound for a key that is none, and for a change of one that was revoked."""

    def __init__(self, redis: Redis, clock: Callable[[], float] = time.time) -> None:
        self._redis = redis
        self._names = names_of(redis)
        self._run = Scripts(redis)
        self._clock = clock

    def create(self, policy: KeyPolicy, *, expires_in: float | None = None) -> IssuedKey:
        """A new key, good for `expires_in` seconds."""
        key_id, now = self._free_id(), self._clock()
        text, digest = _new_secret(key_id)
        fields = {
            **_written(policy),
            "digest": digest,
            "created_at": _ms(now),
            "expires_at": "" if expires_in is None else _ms(now + expires_in),
        }
        with self._redis.pipeline() as pipe:
            pipe.hset(self._name(key_id), items=pairs(fields))
            pipe.zadd(self._names("keys"), {key_id: now})
            pipe.execute()
        return IssuedKey(self.find(key_id), text)

    def rotate(self, key_id: str, *, overlap_seconds: float = OVERLAP_SECONDS) -> IssuedKey:
        """A new secret for the key; the one before stays good for `overlap_seconds`.

        Raises Conflict for one that has expired: a new secret would not make it good.
        """
        known = self.find(key_id)
        if known.revoked_at is None and not self.is_usable(known):
            raise Conflict(f"the key {key_id} has expired: make another", code="key_expired", param="key_id")
        text, digest = _new_secret(key_id)
        until = _ms(self._clock() + overlap_seconds)
        if not self._run("rotate_key", known.owner, digest, until):
            raise _none(key_id, " that could be renewed")
        return IssuedKey(self.find(key_id), text)

    def edit(self, key_id: str, policy: KeyPolicy) -> ApiKey:
        """What it may do from now on."""
        if not self._run("edit_key", self.find(key_id).owner, *pairs(_written(policy))):
            raise _none(key_id, " that could be changed")
        return self.find(key_id)

    def revoke(self, key_id: str) -> ApiKey:
        """End the key now and for good, and what it shares; its jobs stay its own."""
        owner = self.find(key_id).owner
        self._redis.hsetnx(self._name(key_id), "revoked_at", _ms(self._clock()))
        self._redis.publish(self._names("changes"), f"{owner} revoked")  # streams of its holder end now
        ShareStore(self._redis).withdraw_all(owner)
        return self.find(key_id)

    def find(self, key_id: str) -> ApiKey:
        key = self.get(key_id)
        if key is None:
            raise _none(key_id)
        return key

    def get(self, key_id: str) -> ApiKey | None:
        raw: Any = self._redis.hgetall(self._name(key_id)) if KEY_ID.fullmatch(key_id) else {}
        return _read(key_id, raw)

    def list(self) -> tuple[ApiKey, ...]:
        """Every key that was ever made, oldest first."""
        members: Any = self._redis.zrange(self._names("keys"), 0, -1)
        ids = [member.decode() for member in members]
        with self._redis.pipeline(transaction=False) as pipe:
            for key_id in ids:
                pipe.hgetall(self._name(key_id))
            found = [_read(key_id, raw) for key_id, raw in zip(ids, pipe.execute(), strict=True)]
        return tuple(key for key in found if key is not None)

    def any_made(self) -> bool:
        """Whether a key was ever made; one that is revoked counts, so that ending keys opens nothing."""
        count: Any = self._redis.exists(self._names("keys"))
        return bool(count)

    def verify(self, text: str) -> ApiKey | None:
        """The key that `text` is, expired and revoked ones too; None for a wrong id and a wrong secret alike."""
        match = KEY.fullmatch(text)
        if match is None:
            return None
        kept: Any = self._redis.hmget(self._name(match["id"]), "digest", "old_digest", "old_until")
        digest = _digest(match["secret"])
        good = _matches(digest, kept[0])
        old = _matches(digest, kept[1]) and self._clock() * 1000 < int(kept[2])
        return self.get(match["id"]) if good or old else None

    def is_usable(self, key: ApiKey) -> bool:
        now = datetime.fromtimestamp(self._clock(), tz=UTC)
        return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)

    def used(self, key: ApiKey) -> None:
        """Write down that the key was used, once a minute at most."""
        now = self._clock()
        if key.last_used_at is None or now - key.last_used_at.timestamp() >= USED_SECONDS:
            self._redis.hset(self._name(key.id), "last_used_at", _ms(now))

    def _name(self, key_id: str) -> str:
        """By owner, so that the scripts find a job's key without knowing how owners are named."""
        return self._names("key", owner_of_id(key_id))

    def _free_id(self) -> str:
        while self._redis.exists(self._name(key_id := secrets.token_hex(4))):
            pass
        return key_id


def _none(key_id: str, which: str = "") -> NotFound:
    return NotFound(f"there is no key '{key_id[:20]}'{which}", code="key_not_found", param="key_id")


def _new_secret(key_id: str) -> tuple[str, str]:
    """The text of the key, and what is kept of it."""
    secret = secrets.token_urlsafe(32)
    return f"ek_{key_id}_{secret}", _digest(secret)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _matches(digest: str, kept: bytes | None) -> bool:
    return hmac.compare_digest(digest.encode(), kept or NOBODY.encode()) and kept is not None


def _ms(seconds: float) -> str:
    return str(round(seconds * 1000))


def _written(policy: KeyPolicy) -> dict[str, str]:
    """Plain words and numbers, as the scripts read them; empty for what is not limited."""
    fields = policy.model_dump(mode="json", include=set(KeyPolicy.model_fields))
    fields |= {"scopes": json.dumps(fields["scopes"]), **{name: json.dumps(fields[name]) for name in LISTS}}
    return {name: "" if value is None else str(value) for name, value in fields.items()}


def _read(key_id: str, raw: Mapping[bytes, bytes]) -> ApiKey | None:
    if not raw:
        return None
    field = {name.decode(): value.decode() for name, value in raw.items()}
    times = {name: datetime.fromtimestamp(int(field[name]) / 1000, tz=UTC) for name in TIMES if field.get(name)}
    policy = {name: field[name] for name in KeyPolicy.model_fields if field.get(name)}
    # What a later version allows, this one does not know how to; a key for nothing else opens nothing here.
    scopes = [word for word in json.loads(field["scopes"]) if word in set(Scope)]
    if not scopes:
        return None
    listed = {"scopes": scopes, **{name: json.loads(field.get(name) or "[]") for name in LISTS}}
    return ApiKey.model_validate({**policy, **listed, **times, "id": key_id})
