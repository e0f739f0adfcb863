"""A small client of the native API, for the command line. Knows the routes and the error envelope only."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Final, Self

import httpx

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class ClientError(Exception):
    """The server refused or could not be reached; the message is for people."""

    def __init__(self, message: str, code: str = "unreachable") -> None:
        super().__init__(message)
        self.code = code


class Client:
    def __init__(self, url: str, api_key: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        # A proxy of the environment knows nothing of this machine's loopback.
        remote = httpx.URL(url).host not in LOOPBACK
        timeout = httpx.Timeout(30, connect=5)
        self._http = httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=timeout, trust_env=remote)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def is_up(self) -> bool:
        """Whether an Easel answers there."""
        try:
            return self._http.get("/health/live").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def submit(self, body: dict[str, Any]) -> dict[str, Any]:
        """Ask for a generation. Raises ClientError."""
        return self._json("POST", "/v1/generations", json=body)

    def get(self, job_id: str) -> dict[str, Any]:
        return self._json("GET", f"/v1/generations/{job_id}")

    def list(self, **query: str | int | None) -> dict[str, Any]:
        """A page of the key's jobs, newest first."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._json("GET", "/v1/generations", params=given)

    def models(self) -> dict[str, Any]:
        return self._json("GET", "/v1/models")

    def cancel(self, job_id: str) -> dict[str, Any]:
        return self._json("POST", f"/v1/generations/{job_id}/cancel")

    def download(self, url: str) -> bytes:
        """The bytes of a picture, fetched by path, whatever public address the server gave it."""
        return self._send("GET", httpx.URL(url).raw_path.decode()).content

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - httpx's own
        answer: dict[str, Any] = self._send(method, path, **options).json()
        return answer

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise ClientError(f"cannot reach {self._http.base_url}: {error}") from error
        if response.is_error:
            raise _refusal(response)
        return response


def _refusal(response: httpx.Response) -> ClientError:
    try:
        error = response.json()["error"]
        return ClientError(error["message"], error["code"])
    except (ValueError, KeyError, TypeError):
        return ClientError(f"the server answered {response.status_code}", "unexpected_answer")
