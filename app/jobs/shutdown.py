"""What a request is told that the api cannot finish before it stops."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.errors import render
from app.jobs.notifications import JobNotifier
from core.errors import Unavailable


class ShutdownMiddleware:
    """ASGI middleware. The server cancels what is not done when its grace is over, and would call that our mistake."""

    def __init__(self, app: ASGIApp, notifier: JobNotifier) -> None:
        self._app = app
        self._notifier = notifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = False

        async def noted(message: Message) -> None:
            nonlocal began
            began = began or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except asyncio.CancelledError:
            if scope["type"] != "http" or began or not self._notifier.closed:
                raise
            stopping = Unavailable("the api stops; send the request again", code="try_again", retry_after=1)
            await render(stopping)(scope, receive, send)
