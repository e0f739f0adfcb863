"""One POST to one URL and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx

from app.http.addresses import AddressPolicy
from app.http.egress import Resolver, guarded_client, system_resolver
from app.keeper.schedule import retry_after_seconds

MAX_ANSWER_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is None when no answer came; `error` says why in our words: no URL, no body, no secret."""

    status: int | None
    error: str = ""
    retry_after: float | None = None
    hopeless: bool = False

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class HttpSender:
    """Carries bodies to users' URLs, each within `seconds` from the name's lookup to the answer's end."""

    def __init__(self, policy: AddressPolicy, seconds: float, resolver: Resolver = system_resolver) -> None:
        self._policy = policy
        self._seconds = seconds
        self._resolver = resolver

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Never raises for what the other side does."""
        try:
            with (
                guarded_client(self._policy, self._seconds, self._resolver) as client,
                client.stream("POST", url, content=body, headers=dict(headers)) as response,
            ):
                _read_politely(response)
                return Answer(
                    status=response.status_code,
                    error="" if response.is_success else f"the receiver answered {response.status_code}",
                    retry_after=retry_after_seconds(response.headers.get("retry-after")),
                )
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):  # the last: a host like xn--a
            return Answer(status=None, error="this is not a URL that can be posted to", hopeless=True)
        except httpx.ConnectError as error:
            return Answer(status=None, error=f"no connection: {error}")
        except httpx.TimeoutException:
            return Answer(status=None, error=f"no answer within {self._seconds:g} s")
        except httpx.HTTPError as error:
            return Answer(status=None, error=f"the connection broke: {type(error).__name__}")


def _read_politely(response: httpx.Response) -> None:
    """Take the start of the answer, so that the receiver is not cut off; its status has already said all."""
    taken = 0
    try:
        for chunk in response.iter_raw(16 * 1024):
            taken += len(chunk)
            if taken >= MAX_ANSWER_BYTES:
                return
    except httpx.HTTPError:
        return
