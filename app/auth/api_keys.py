"""Who the holder of an API key is: keys of the settings and keys of the store."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from core.errors import Unauthenticated
from core.keys import FULL, LOCAL_OWNER, Scope, is_issued, key_id_of
from core.settings import Settings
from core.store import KeyStore


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what they may do; `requests_per_minute` is None for no limit, no `models` or `adapters` are all."""

    owner: str
    scopes: frozenset[Scope]
    requests_per_minute: int | None
    models: frozenset[str] = frozenset()
    adapters: frozenset[str] = frozenset()


LOCAL: Final = Caller(LOCAL_OWNER, FULL, None)
"""Where no key is needed, everybody on this machine is one."""


def owner_of(key: str) -> str:
    """The name under which the jobs of a key of the settings are kept; the key cannot be had back from it."""
    return f"key_{hashlib.sha256(key.encode()).hexdigest()[:16]}"


class KeyAuthenticator:
    """Keys are needed off loopback, with EASEL_API_KEYS, and for good once `easel keys` has made one."""

    def __init__(self, settings: Settings, keys: KeyStore) -> None:
        self._callers = {
            key.get_secret_value().encode(): Caller(
                owner_of(key.get_secret_value()), FULL, settings.requests_per_minute_per_key or None
            )
            for key in settings.api_keys
        }
        self._keys = keys
        self._per_minute = settings.requests_per_minute_per_key
        self._needed = bool(settings.api_keys) or not settings.is_loopback

    def needed(self) -> bool:
        """Whether nobody gets in without a key. Asks Redis until it has said yes once."""
        self._needed = self._needed or self._keys.any_made()
        return self._needed

    def caller(self, text: str | None) -> Caller:
        """Whose key `text` is. Raises Unauthenticated if a key is needed and it is none of ours."""
        if not self.needed():
            return LOCAL
        came = (text or "").encode("utf-8", "surrogateescape")
        # All are compared, so the time says nothing.
        found = [caller for known, caller in self._callers.items() if hmac.compare_digest(known, came)]
        return found[0] if found else self._stored(text or "")

    @property
    def configured(self) -> tuple[str, ...]:
        """The owners of the keys of the settings."""
        return tuple(caller.owner for caller in self._callers.values())

    def knows(self, owner: str) -> bool:
        """Whether whoever is called `owner` could come in now: their key was not revoked, and has not expired."""
        if owner == LOCAL_OWNER:
            return not self.needed()
        if not is_issued(owner):
            return any(owner == caller.owner for caller in self._callers.values())
        key = self._keys.get(key_id_of(owner))
        return key is not None and self._keys.is_usable(key)

    def _stored(self, text: str) -> Caller:
        key = self._keys.verify(text)
        if key is None:
            raise Unauthenticated(param="Authorization")
        if not self._keys.is_usable(key):
            ended = "was revoked" if key.revoked_at else f"expired at {key.expires_at:%Y-%m-%d %H:%M} UTC"
            raise Unauthenticated(f"this API key {ended}; use another", param="Authorization")
        self._keys.used(key)
        own = key.requests_per_minute
        return Caller(
            key.owner,
            frozenset(key.scopes),
            (self._per_minute if own is None else own) or None,
            frozenset(key.models),
            frozenset(key.adapters),
        )
