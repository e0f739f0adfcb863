"""Whether the api may listen where the settings say: off this machine only with keys."""

from __future__ import annotations

from redis.exceptions import RedisError

from core.settings import Settings
from core.store import KeyStore


class InsecureBinding(ValueError):
    """The settings would let the whole network in."""


def check_settings(settings: Settings, keys: KeyStore) -> None:
    """Raise InsecureBinding if the api would listen beyond this machine and there is no key at all."""
    if settings.is_loopback or settings.api_keys:
        return
    unknown = ""
    try:
        if keys.any_made():
            return
    except RedisError as error:
        unknown = f" (none in EASEL_API_KEYS, and Redis cannot be asked for others: {error})"
    raise InsecureBinding(
        f"refusing to listen on {settings.host} without API keys{unknown}: anybody who reaches it could use it. "
        "Make a key with 'easel keys create NAME', or with 'openssl rand -hex 24' and set EASEL_API_KEYS to it, "
        "or listen on 127.0.0.1."
    )
