"""The OpenAI addresses without their /v1, for clients whose base URL lacks it."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

BARE: Final = ("/images/", "/models/")
"""What is also served without the /v1 in front; and `/models` itself."""


class BarePaths:
    """ASGI middleware. Whoever is behind it sees the whole path, authentication first of all."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and f"{scope['path']}/".startswith(BARE):
            scope = {**scope, "path": f"/v1{scope['path']}", "raw_path": b"/v1" + scope.get("raw_path", b"")}
        await self._app(scope, receive, send)
