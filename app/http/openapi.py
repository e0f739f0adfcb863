"""The OpenAPI document: what FastAPI cannot know, such as who may call what, and this server's own models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from redis.exceptions import RedisError

from app.http.errors import ErrorEnvelope

DESCRIPTION: Final = """
Self-hosted image generation. A prompt goes in, a job comes out, and soon the job has pictures.

1. `POST /v1/generations` with `{"prompt": "a red apple"}` answers 202 and a job.
2. Look at its `urls.get` until `status` is `succeeded` (or stream `urls.events`, or name a `webhook`).
3. Fetch `outputs[0].url`.

Or send `Prefer: wait=30` with the first request and get the finished job at once.
With `inputs` it starts from pictures.

Every answer that is not a success is `{"error": {"message", "type", "code", "param"}}`. Where the server has API
keys, send yours as `Authorization: Bearer <key>`; what its scopes do not cover is 403. The `url` of a picture then
carries `exp` and `sig`, which open it without a key until that time.

Requests for pictures, and for messages to your webhooks, count against the rate of the key: `X-RateLimit-Limit`,
`X-RateLimit-Remaining` and `X-RateLimit-Reset` (seconds until all of it is there again) tell what is left; above it, or
when the day of the key is used up, the answer is 429 with `Retry-After`.
"""

TAGS: Final = [
    {"name": "generations", "description": "Ask for pictures and follow the job."},
    {"name": "groups", "description": "Several jobs in one prompt, followed and canceled together."},
    {"name": "shares", "description": "Pictures that are shown to whoever has their address."},
    {"name": "uploads", "description": "Files that several generations start from."},
    {"name": "results", "description": "The files that were made and those that were started from."},
    {"name": "models", "description": "What this server can draw with."},
    {"name": "webhooks", "description": "Who hears of your jobs, and how to trust our calls."},
    {"name": "keys", "description": "Who may come in; needs a key with the scope `admin`."},
    {"name": "server", "description": "How busy it is, what it allows, and what is left of your limits."},
    {"name": "health", "description": "For load balancers and supervisors."},
]

Narrow = Callable[[dict[str, Any]], None]
"""Changes a schema in place."""


Refusals = Mapping[tuple[str, str], tuple[int, ...]]
"""By method and path: the statuses with which a request is turned away before its route is reached."""

REFUSALS: Final = {
    401: "A valid API key is needed.",
    403: "The API key does not allow this.",
    429: "A limit of the API key is reached.",
}


def install(
    app: FastAPI,
    narrowed: Mapping[str, Narrow],
    refusals: Refusals,
    needs_key: Callable[[], bool],
    version: Callable[[], int] = lambda: 0,
) -> None:
    """Make `app.openapi()` the finished document, built once, and once more when the first key is made.

    `narrowed` bounds schemas, by name; what they read has changed when `version` has.
    """

    @lru_cache(maxsize=2)
    def built(needed: bool, of: int) -> dict[str, Any]:
        document = get_openapi(
            title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, tags=TAGS
        )
        _document_access(document, refusals, needs_key=needed)
        _document_errors(document)
        _name_bodies(document)
        for name, narrow in narrowed.items():
            narrow(document["components"]["schemas"][name])
        return document

    def openapi() -> dict[str, Any]:
        try:
            return built(needs_key(), version())
        except RedisError:
            return built(True, version())

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way


def _name_bodies(document: dict[str, Any]) -> None:
    """Put the schemas of bodies that are described inline among the components, with what they define."""
    schemas = document["components"]["schemas"]
    for _, operation in _operations(document):
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        schema = body.get("schema", {})
        if "title" in schema and "properties" in schema:
            schemas.update(schema.pop("$defs", {}))
            schemas[schema["title"]] = schema
            body["schema"] = {"$ref": f"#/components/schemas/{schema['title']}"}


def _operations(document: dict[str, Any]) -> list[tuple[tuple[str, str], dict[str, Any]]]:
    """Each with its method and path."""
    return [
        ((method.upper(), path), operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def _document_access(document: dict[str, Any], refusals: Refusals, *, needs_key: bool) -> None:
    """What takes a key says so also where none is needed yet: a client may send one everywhere."""
    for where, operation in _operations(document):
        for status in refusals[where]:
            operation["responses"].setdefault(str(status), _refusal(REFUSALS[status]))
        if 401 in refusals[where]:
            operation["security"] = [{"key": []}] if needs_key else [{}, {"key": []}]
    document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}


def _refusal(description: str) -> dict[str, Any]:
    envelope = {"$ref": f"#/components/schemas/{ErrorEnvelope.__name__}"}
    return {"description": description, "content": {"application/json": {"schema": envelope}}}


def _document_errors(document: dict[str, Any]) -> None:
    """What every operation may answer; FastAPI's own 422 does not exist here."""
    for _, operation in _operations(document):
        answers = operation["responses"]
        if "HTTPValidationError" in str(answers.get("422")):
            del answers["422"]
        answers.setdefault("400", _refusal("The request is not valid."))
        answers["421"] = _refusal("The Host header names a server that this is not.")
        answers["500"] = _refusal("Something went wrong on our side.")
        operation["responses"] = dict(sorted(answers.items()))
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = _without_null(parameter["schema"])
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A header or query parameter that may be left out can still not be null."""
    options = [option for option in schema.pop("anyOf", ()) if option != {"type": "null"}]
    return {**schema, **(options[0] if options else {})}
