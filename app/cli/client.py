"""A small client of the native API, for the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

import httpx

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1", "0.0.0.0", "::")  # noqa: S104 - compared, not bound

WRONGLY_ASKED: Final = frozenset({400, 413, 415, 422})


class ClientError(Exception):
    """The server refused or could not be reached; the message is for people."""

    def __init__(self, message: str, code: str = "unreachable", *, asked_wrongly: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.asked_wrongly = asked_wrongly
        """Whether the same would be refused again, anywhere."""


class AskedWrongly(ClientError):
    """What was typed cannot be done; no server was asked."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "invalid_value", asked_wrongly=True)


class Client:
    """Calls to a running Easel. Raises ClientError in words for a person, for what it answers and for no answer."""

    def __init__(self, url: str, api_key: str | None = None) -> None:
        """`url` may leave out `http://`, as people do. Raises ClientError for what is no address."""
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        url = url if "://" in url else f"http://{url}"
        # A proxy of the environment knows nothing of this machine's loopback.
        timeout = httpx.Timeout(30, connect=5)
        try:
            remote = httpx.URL(url).host not in LOOPBACK
            self._http = httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=timeout, trust_env=remote)
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            raise AskedWrongly(f"no address of a server: {url} ({error})") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def is_up(self) -> bool:
        """Whether an Easel answers there, within seconds: something else may listen and be silent."""
        try:
            return self._http.get("/health/live", timeout=10).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def submit(
        self,
        body: Mapping[str, Any],
        files: Mapping[str, Sequence[bytes]] | None = None,
        path: str = "/v1/generations",
    ) -> dict[str, Any]:
        """Ask for a generation: as JSON, or as a form if `files` come along, by their roles. Raises ClientError."""
        if not files:
            return self._json("POST", path, json=body)
        fields = {name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()}
        sent = [(role, content) for role, contents in files.items() for content in contents]
        return self._json("POST", path, data=fields, files=sent)

    def go_on(self, job_id: str, index: int, action: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Ask for what is made of a finished picture. Raises ClientError."""
        return self._json("POST", f"/v1/generations/{job_id}/outputs/{index}/{action}", json=body)

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

    def cancel_group(self, group_id: str) -> dict[str, Any]:
        return self._json("POST", f"/v1/groups/{group_id}/cancel")

    def download(self, url: str) -> bytes:
        """The bytes of a file, fetched by path, whatever public address the server gave it."""
        return self._send("GET", httpx.URL(url).raw_path.decode()).content

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - httpx's own
        response = self._send(method, path, **options)
        try:
            answer: dict[str, Any] = response.json()
        except ValueError as error:
            raise ClientError(f"{response.url.host} does not answer as Easel does", "unexpected_answer") from error
        return answer

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        try:
            response = self._http.request(method, path, **options)
        except UnicodeEncodeError as error:
            raise AskedWrongly("what was typed is no valid UTF-8") from error
        except ValueError as error:  # no number
            raise AskedWrongly(f"what was typed cannot be sent: {error}") from error
        except httpx.ConnectError as error:
            told = f"cannot reach {self._http.base_url}: {error}. Is Easel running there? 'easel up' starts it here"
            raise ClientError(told) from error
        except httpx.HTTPError as error:
            raise ClientError(f"cannot reach {self._http.base_url}: {str(error) or type(error).__name__}") from error
        if response.is_error:
            raise _refusal(response)
        return response


def _refusal(response: httpx.Response) -> ClientError:
    try:
        error = response.json()["error"]
        unknown = error["code"] == "model_not_found" or str(error.get("param")).startswith("inputs.")
        wrongly = unknown or response.status_code in WRONGLY_ASKED
        return ClientError(error["message"], error["code"], asked_wrongly=wrongly)
    except (ValueError, KeyError, TypeError):
        return ClientError(
            f"{response.url.host} answered {response.status_code}, not as Easel does", "unexpected_answer"
        )
