"""Who may come in: the Host header against DNS rebinding, a key or a signature on every /v1 address."""

from __future__ import annotations

import base64
import re
from typing import Final
from urllib.parse import urlsplit

from redis.exceptions import RedisError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.auth import rate_limit, scopes
from app.auth.api_keys import Caller, KeyAuthenticator
from app.auth.signed_urls import UrlSigner, is_signed
from app.http.errors import render, translate
from core.errors import EaselError, InvalidRequest, Misdirected
from core.settings import Settings
from core.store import KeyStore, Rates
from core.store.rates import Allowance

GUARDED: Final = ("/v1/", "/sdapi/", "/metrics")

HOST: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


class InsecureBinding(ValueError):
    """The settings would let the whole network in."""


def check_settings(settings: Settings, keys: KeyStore) -> None:
    """Raise OpenDoor if the api would listen beyond this machine and there is no key at all."""
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


READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class AuthMiddleware:
    """ASGI middleware. Writes the owner into the request's state for the routes behind it."""

    def __init__(
        self, app: ASGIApp, settings: Settings, authenticator: KeyAuthenticator, url_signer: UrlSigner, rates: Rates
    ) -> None:
        self._app = app
        self._keyring = authenticator
        self._signatures = url_signer
        self._rates = rates
        public = urlsplit(settings.public_url or "").hostname or ""
        self._public = urlsplit(settings.public_url or "").netloc
        self._names = frozenset({"localhost", "127.0.0.1", "[::1]", settings.host, f"[{settings.host}]", public})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                allowance = await self._check(scope)
                if allowance is not None:
                    send = rate_limit.sending(send, rate_limit.headers_of(allowance))
                    if allowance.retry_after is not None:
                        raise rate_limit.refusal(allowance)
            except (EaselError, RedisError) as error:
                await render(translate(error))(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _check(self, scope: Scope) -> Allowance | None:
        """What is left of the key's rate, if the request counts."""
        headers = Headers(scope=scope)
        await self._check_host(headers.getlist("host"))
        if scope["method"] not in READING:
            self._check_origin(headers)
        if not scope["path"].startswith(GUARDED):
            return None
        return await run_in_threadpool(self._admit, scope, headers.get("authorization", ""))

    async def _check_host(self, hosts: list[str]) -> None:
        if not hosts:  # HTTP/1.0
            return
        match = HOST.fullmatch(hosts[0])
        if match is None or len(hosts) > 1:
            raise InvalidRequest("the Host header must be one host name, with or without a port", param="Host")
        if match["name"].lower() not in self._names and not await run_in_threadpool(self._keyring.needed):
            raise Misdirected(
                f"this server has no API keys and answers to its own machine only, not as '{match['name']}'; "
                "use http://127.0.0.1, or set EASEL_API_KEYS and EASEL_HOST",
                param="Host",
            )

    def _check_origin(self, headers: Headers) -> None:
        """A form or an empty body, unlike JSON, may be sent by any page that a browser has open: only our own may."""
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] not in self._pages(headers):
            raise InvalidRequest(
                f"requests from pages of {origin[:60]} are not taken", code="cross_origin", param="Origin"
            )

    def _pages(self, headers: Headers) -> frozenset[str]:
        return frozenset({headers.get("host", ""), self._public} - {""})

    def _admit(self, scope: Scope, authorization: str) -> Allowance | None:
        """Write down whose key came; nobody's for a signature, which opens its one picture for whoever has it."""
        method, path, query = scope["method"], scope["path"], scope["query_string"]
        state = scope.setdefault("state", {})
        if not authorization and is_signed(method, path, query) and self._keyring.needed():
            self._signatures.check(path, query)
            state["owner"] = None
            return None
        caller = self._caller(authorization, path)
        scopes.check(caller.scopes, method, path)
        state["owner"], state["models"] = caller.owner, caller.models
        if caller.requests_per_minute is None or not rate_limit.is_metered(method, path):
            return None
        return self._rates.take(caller.owner, caller.requests_per_minute)

    def _caller(self, authorization: str, path: str) -> Caller:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() == "basic" and path.startswith("/sdapi/"):  # all that those clients can do
            scheme, key = "bearer", _password(key)
        return self._keyring.caller(key.strip() if scheme.lower() == "bearer" else None)


def _password(credentials: str) -> str:
    """The password of an HTTP Basic header; empty if it is none."""
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""
