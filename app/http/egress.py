"""The only way out to a user's URL: resolve once, check, dial what was checked.

A check before the fetch is no guard: the client would resolve the name again and may be told another
address. Here only the dial changes, so TLS still checks the name; redirects and proxies are off.
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final

import httpcore
import httpx

from app.http.addresses import AddressPolicy
from app.http.deadline import Deadline, DeadlineStream

CONNECT_SECONDS: Final = 5.0
RESOLVE_SECONDS: Final = 3.0
MAX_ADDRESSES: Final = 4

Resolver = Callable[[str, int], list[str]]


class AddressDenied(httpcore.ConnectError):
    """The address of this URL is not public; EASEL_WEBHOOK_ALLOW_CIDRS and EASEL_FETCH_ALLOW_CIDRS can allow others."""

    def __init__(self) -> None:
        super().__init__((self.__doc__ or "").strip())


def system_resolver(host: str, port: int) -> list[str]:
    """Every numeric address of `host`, in the order in which they should be tried."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


class GuardedBackend(httpcore.SyncBackend):
    """Connects to addresses that the policy permits and to nothing else, within the deadline."""

    def __init__(self, policy: AddressPolicy, deadline: Deadline, resolver: Resolver = system_resolver) -> None:
        self._policy = policy
        self._deadline = deadline
        self._resolver = resolver

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._resolve(host, port)
        # One bad answer condemns the name: a mixed answer is how a rebinding attack looks.
        if not addresses or not all(self._policy.permits(address) for address in addresses):
            raise AddressDenied
        failure: Exception = httpcore.ConnectError("no address answered")
        for address in addresses[:MAX_ADDRESSES]:
            left = self._deadline.remaining(CONNECT_SECONDS, httpcore.ConnectTimeout)
            try:
                stream = super().connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            if not self._policy.permits(stream.get_extra_info("server_addr")[0]):
                stream.close()
                raise AddressDenied
            return DeadlineStream(stream, self._deadline)
        raise failure

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        raise AddressDenied

    def _resolve(self, host: str, port: int) -> list[str]:
        """Ask in a thread of its own: getaddrinfo knows no time-out."""
        answers: queue.SimpleQueue[list[str] | OSError | UnicodeError] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._resolver(host, port))
            except (OSError, UnicodeError) as error:
                answers.put(error)

        threading.Thread(target=ask, name="resolve", daemon=True).start()
        try:
            answer = answers.get(timeout=self._deadline.remaining(RESOLVE_SECONDS, httpcore.ConnectTimeout))
        except queue.Empty as error:
            raise httpcore.ConnectTimeout("the name was not resolved in time") from error
        if isinstance(answer, Exception):
            raise httpcore.ConnectError("the name cannot be resolved") from answer
        return answer


@cache
def _tls() -> ssl.SSLContext:
    """Reading the certificate bundle takes 20 ms; every delivery shares one context."""
    return httpx.create_ssl_context(trust_env=False)


class GuardedTransport(httpx.HTTPTransport):
    """httpx over the guarded backend.

    The parent's constructor would make an unguarded pool, so it is not called: should a later httpx keep its
    pool under another name, every request fails instead of going out unguarded.
    """

    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=_tls(), max_keepalive_connections=0, http2=False, retries=0, network_backend=backend
        )


def guarded_client(policy: AddressPolicy, seconds: float, resolver: Resolver = system_resolver) -> httpx.Client:
    """A client for one request, which must be over `seconds` from now."""
    backend = GuardedBackend(policy, Deadline(seconds), resolver)
    return httpx.Client(transport=GuardedTransport(backend), trust_env=False, follow_redirects=False, timeout=seconds)
