"""Who may come in: the Host header against DNS rebinding, then a key or a signature, as the route asks."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from redis.exceptions import RedisError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from app.auth import rate_limit
from app.auth.access import Access
from app.auth.api_keys import Caller, KeyAuthenticator
from app.auth.routes import SAFE, RouteTable
from app.auth.signed_urls import UrlSigner, is_signed
from app.http.errors import render, translate
from core.errors import EaselError, InvalidRequest, Misdirected
from core.settings import Settings
from core.store import Rates
from core.store.rates import Allowance

HOST: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


class AuthMiddleware:
    """ASGI middleware. Nothing passes but a request for a route, by somebody whom that route lets in. Reads no body.

    Writes the owner into the request's state; None where the route is public, or a signature came instead of a key.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        authenticator: KeyAuthenticator,
        url_signer: UrlSigner,
        rates: Rates,
        routes: Sequence[BaseRoute],
    ) -> None:
        self._app = app
        self._routes = RouteTable(routes)
        self._authenticator = authenticator
        self._url_signer = url_signer
        self._rates = rates
        public = urlsplit(settings.public_url or "").hostname or ""
        self._public = urlsplit(settings.public_url or "").netloc
        self._names = frozenset({"localhost", "127.0.0.1", "[::1]", settings.host, f"[{settings.host}]", public})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                await self._check_sender(scope)
                found = self._routes.find(scope)
                allowance = await self._admit(scope, found.access)
                if allowance is not None:
                    send = rate_limit.sending(send, rate_limit.headers_of(allowance))
                    if allowance.retry_after is not None:
                        raise rate_limit.refusal(allowance)
                if found.refusal is not None:
                    raise found.refusal
            except (EaselError, RedisError) as error:
                await render(translate(error))(scope, receive, send)
                return
        elif scope["type"] == "websocket":  # no route takes one, and none can declare who may open it
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._app(scope, receive, send)

    async def _check_sender(self, scope: Scope) -> None:
        """That a browser which has another's page open is not made use of; before all else."""
        headers = Headers(scope=scope)
        await self._check_host(headers.getlist("host"))
        if scope["method"] not in SAFE:
            self._check_origin(headers)

    async def _check_host(self, hosts: list[str]) -> None:
        if not hosts:  # HTTP/1.0
            return
        match = HOST.fullmatch(hosts[0])
        if match is None or len(hosts) > 1:
            raise InvalidRequest("the Host header must be one host name, with or without a port", param="Host")
        if match["name"].lower() not in self._names and not await run_in_threadpool(self._authenticator.needed):
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

    async def _admit(self, scope: Scope, access: Access) -> Allowance | None:
        """What is left of the key's rate, if the request counts."""
        scope.setdefault("state", {}).update(owner=None, models=frozenset(), adapters=frozenset(), scopes=frozenset())
        if access.public:
            return None
        return await run_in_threadpool(self._check_key, scope, access)

    def _check_key(self, scope: Scope, access: Access) -> Allowance | None:
        """Write down whose key came; nobody's for a signature, which opens its one picture for whoever has it."""
        authorization, path, query = Headers(scope=scope).get("authorization", ""), scope["path"], scope["query_string"]
        by_signature = access.signed and not authorization and is_signed(scope["method"], query)
        if by_signature and self._authenticator.needed():
            self._url_signer.check(path, query)
            return None
        caller = self._caller(authorization, access)
        access.check(caller.scopes)
        scope["state"].update(owner=caller.owner, models=caller.models, adapters=caller.adapters, scopes=caller.scopes)
        if caller.requests_per_minute is None or not access.metered:
            return None
        return self._rates.take(caller.owner, caller.requests_per_minute)

    def _caller(self, authorization: str, access: Access) -> Caller:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() == "basic" and access.basic:
            scheme, key = "bearer", _password(key)
        return self._authenticator.caller(key.strip() if scheme.lower() == "bearer" else None)


def _password(credentials: str) -> str:
    """The password of an HTTP Basic header; empty if it is none."""
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""
