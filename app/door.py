"""Who may come in: the Host header against DNS rebinding, the API key on every /v1 address. Knows no route."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import render
from app.signatures import is_signed
from core.errors import EaselError, InvalidRequest, Misdirected, Unauthenticated
from core.settings import Settings

LOCAL_OWNER: Final = "local"
"""Whose jobs they are when no key is configured."""

HOST: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


class OpenDoor(ValueError):
    """The settings would let the whole network in."""


def owner_of(key: str) -> str:
    """The name under which the jobs of a key are kept; the key cannot be had back from it."""
    return f"key_{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def check_settings(settings: Settings) -> None:
    """Raise OpenDoor if the api would listen beyond this machine without asking for a key."""
    if not settings.is_loopback and not settings.api_keys:
        raise OpenDoor(
            f"refusing to listen on {settings.host} without API keys: anybody who reaches it could use it. "
            "Make a key with 'openssl rand -hex 24' and set EASEL_API_KEYS to it, or listen on 127.0.0.1."
        )


class Door:
    """ASGI middleware. Writes the owner into the request's state for the routes behind it."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._owners = {key.get_secret_value().encode(): owner_of(key.get_secret_value()) for key in settings.api_keys}
        self._names: frozenset[str] | None = None
        if not self._owners:
            public = urlsplit(settings.public_url or "").hostname or ""
            self._names = frozenset({"localhost", "127.0.0.1", "[::1]", settings.host, f"[{settings.host}]", public})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._check(scope)
            except EaselError as error:
                await render(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._check_host(headers.getlist("host"))
        if scope["path"].startswith(("/v1/", "/sdapi/")):
            owner = self._signer(scope) or self._owner(headers.get("authorization", ""), scope["path"])
            scope.setdefault("state", {})["owner"] = owner

    def _check_host(self, hosts: list[str]) -> None:
        if not hosts:  # HTTP/1.0
            return
        match = HOST.fullmatch(hosts[0])
        if match is None or len(hosts) > 1:
            raise InvalidRequest("the Host header must be one host name, with or without a port", param="Host")
        if self._names is not None and match["name"].lower() not in self._names:
            raise Misdirected(
                f"this server has no API keys and answers to its own machine only, not as '{match['name']}'; "
                "use http://127.0.0.1, or set EASEL_API_KEYS and EASEL_HOST",
                param="Host",
            )

    def _signer(self, scope: Scope) -> str | None:
        """Whose signature opens this address, if there is one."""
        signed = [owner for key, owner in self._owners.items() if is_signed(scope["path"], scope["query_string"], key)]
        return signed[0] if signed else None

    def _owner(self, authorization: str, path: str) -> str:
        """The owner of the key that came. All keys are compared, so the time says nothing."""
        if not self._owners:
            return LOCAL_OWNER
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() == "basic" and path.startswith("/sdapi/"):  # all that those clients can do
            scheme, key = "bearer", _password(key)
        came = key.strip().encode("utf-8", "surrogateescape")
        found = [owner for known, owner in self._owners.items() if hmac.compare_digest(known, came)]
        if scheme.lower() != "bearer" or not found:
            raise Unauthenticated(param="Authorization")
        return found[0]


def _password(credentials: str) -> str:
    """The password of an HTTP Basic header; empty if it is none."""
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""
