"""Which scope of a key a request needs."""

from __future__ import annotations

from typing import Final

from core.errors import Forbidden
from core.keys import Scope

LOOKING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def needed_scope(method: str, path: str) -> Scope:
    """What is new and not listed here needs `generate` to change and `read` to look."""
    if f"{path}/".startswith("/v1/keys/"):
        return Scope.ADMIN
    if path.startswith("/v1/webhooks/"):
        return Scope.GENERATE  # a receiver's secret is not for those who may only look
    return Scope.READ if method in LOOKING else Scope.GENERATE


def check(scopes: frozenset[Scope], method: str, path: str) -> None:
    """Raise Forbidden if none of `scopes` covers the request."""
    needed = needed_scope(method, path)
    if needed not in scopes:
        had = " and ".join(f"'{scope}'" for scope in sorted(scopes))
        raise Forbidden(f"this needs an API key with the scope '{needed}'; yours has {had}")
