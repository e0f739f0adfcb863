"""A network stream that ends in time, however slowly the other side drips."""

from __future__ import annotations

import ssl
import time
from typing import Any

import httpcore


class Deadline:
    """A wall-clock limit over everything that happens under it: httpx's own time-outs are per read."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self, at_most: float | None, expired: type[Exception]) -> float:
        """Seconds left, or `at_most` if that is less. Raises `expired` when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise expired("the time for this delivery is up")
        return left if at_most is None else min(left, at_most)


class DeadlineStream(httpcore.NetworkStream):
    """A connection on which every operation has only the time that is left."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.remaining(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # httpcore gives each send() of a write the whole time-out; one send at a time keeps the sum bounded.
        sock = self._inner.get_extra_info("socket")
        view = memoryview(buffer)
        while view:
            sock.settimeout(self._deadline.remaining(timeout, httpcore.WriteTimeout))
            try:
                view = view[sock.send(view) :]
            except TimeoutError as error:
                raise httpcore.WriteTimeout(str(error)) from error
            except OSError as error:
                raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = self._deadline.remaining(timeout, httpcore.ConnectTimeout)
        return DeadlineStream(self._inner.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's signature
        return self._inner.get_extra_info(info)
