"""How it is told what is left of a key's rate; the store counts, and routes say whether they are metered."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

from core.errors import QuotaExceeded
from core.store.rates import Allowance


def headers_of(allowance: Allowance) -> dict[str, str]:
    """The limit a minute, what is left of it, and in how many seconds all of it is there again."""
    return {
        "X-RateLimit-Limit": str(allowance.limit),
        "X-RateLimit-Remaining": str(allowance.remaining),
        "X-RateLimit-Reset": str(allowance.full_after),
    }


def refusal(allowance: Allowance) -> QuotaExceeded:
    """What a client is told that asked too often, with `retry_after` in whole seconds."""
    return QuotaExceeded(
        f"your key may make {allowance.limit} requests for work a minute; try again in {allowance.retry_after} s",
        retry_after=allowance.retry_after,
    )


def sending(send: Send, headers: Mapping[str, str]) -> Send:
    """`send`, with `headers` on whatever the answer is."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return send_with_headers
