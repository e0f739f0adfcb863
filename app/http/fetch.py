"""Fetches a file that a request names by its URL: by the guarded client, within the limits of an upload."""

from __future__ import annotations

from typing import Final

import httpx

from app.http.addresses import AddressPolicy
from app.http.egress import Resolver, guarded_client, system_resolver
from core.errors import InvalidRequest, PayloadTooLarge

FETCH_SECONDS: Final = 15.0


class Fetcher:
    """Gets files, each in `seconds` from the lookup of the name to the last byte, of `max_bytes` at most."""

    def __init__(
        self,
        policy: AddressPolicy,
        max_bytes: int,
        seconds: float = FETCH_SECONDS,
        resolver: Resolver = system_resolver,
    ) -> None:
        self._policy = policy
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._resolver = resolver

    def fetch(self, url: str, param: str) -> bytes:
        """The body at `url`; redirects are not followed. Raises InvalidRequest or PayloadTooLarge, naming `param`."""
        try:
            with (
                guarded_client(self._policy, self._seconds, self._resolver) as client,
                client.stream("GET", url, headers={"Accept": "image/*", "Accept-Encoding": "identity"}) as response,
            ):
                if response.status_code != httpx.codes.OK:
                    raise _unfetched(param, f"it answered {response.status_code}")
                return self._body(response, param)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
            raise _unfetched(param, "it is not a URL that can be fetched") from error
        except httpx.ConnectError as error:
            raise _unfetched(param, f"no connection: {error}") from error
        except httpx.TimeoutException as error:
            raise _unfetched(param, f"it was not there within {self._seconds:g} s") from error
        except httpx.HTTPError as error:
            raise _unfetched(param, f"the connection broke: {type(error).__name__}") from error

    def _body(self, response: httpx.Response, param: str) -> bytes:
        content = bytearray()
        for chunk in response.iter_raw(64 * 1024):
            content += chunk
            if len(content) > self._max_bytes:
                raise PayloadTooLarge(
                    f"'{param}' has more than {self._max_bytes // 2**20} MiB, the limit of a file", param=param
                )
        return bytes(content)


def _unfetched(param: str, reason: str) -> InvalidRequest:
    return InvalidRequest(f"'{param}' could not be fetched: {reason}", code="input_not_fetched", param=param)
