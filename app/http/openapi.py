"""The OpenAPI document: what FastAPI cannot know, such as this server's own models. Knows the catalogue's bounds."""

from __future__ import annotations

from math import gcd
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.http.errors import ErrorEnvelope
from core.catalog import Catalog

DESCRIPTION: Final = """
Self-hosted image generation. A prompt goes in, a job comes out, and soon the job has pictures.

1. `POST /v1/generations` with `{"prompt": "a red apple"}` answers 202 and a job.
2. Look at its `urls.get` until `status` is `succeeded` (or stream `urls.events`, or name a `webhook`).
3. Fetch `images[0].url`.

Or send `Prefer: wait=30` with the first request and get the finished job at once.

Every answer that is not a success is `{"error": {"message", "type", "code", "param"}}`. Where the server has API
keys, send yours as `Authorization: Bearer <key>`; what its scopes do not cover is 403. The `url` of a picture then
carries `exp` and `sig`, which open it without a key until that time.

Requests for pictures count against the rate of the key: `X-RateLimit-Limit`, `X-RateLimit-Remaining` and
`X-RateLimit-Reset` (seconds until all of it is there again) tell what is left; above it, or when the day of the key is
used up, the answer is 429 with `Retry-After`.
"""

TAGS: Final = [
    {"name": "generations", "description": "Ask for pictures and follow the job."},
    {"name": "results", "description": "The pictures."},
    {"name": "models", "description": "What this server can draw with."},
    {"name": "webhooks", "description": "Who hears of your jobs, and how to trust our calls."},
    {"name": "keys", "description": "Who may come in; needs a key with the scope `admin`."},
    {"name": "health", "description": "For load balancers and supervisors."},
]

EXAMPLES: Final[list[dict[str, Any]]] = [
    {"prompt": "a red apple"},
    {
        "prompt": "a blue car",
        "seed": 7,
        "n": 2,
        "output": {"format": "webp", "quality": 90},
        "metadata": {"user": "42"},
    },
]


def install(app: FastAPI, catalog: Catalog, *, keys: bool) -> None:
    """Make `app.openapi()` the finished document, built once."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, tags=TAGS
            )
            _document_errors(document, keys=keys)
            _bound_by_catalog(document["components"]["schemas"]["GenerationInput"], catalog)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way


def _operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(path, operation) for path, item in document["paths"].items() for operation in item.values()]


def _document_errors(document: dict[str, Any], *, keys: bool) -> None:
    """Every operation may meet the door's refusals; FastAPI's own 422 does not exist here."""
    schemas = document["components"]["schemas"]
    envelope = {"$ref": f"#/components/schemas/{ErrorEnvelope.__name__}"}

    def refusal(description: str) -> dict[str, Any]:
        return {"description": description, "content": {"application/json": {"schema": envelope}}}

    for path, operation in _operations(document):
        answers = operation["responses"]
        if "HTTPValidationError" in str(answers.get("422")):
            del answers["422"]
        answers.setdefault("400", refusal("The request is not valid."))
        answers["421"] = refusal("The Host header names a server that this is not.")
        answers["500"] = refusal("Something went wrong on our side.")
        if path.startswith("/v1/"):
            answers["401"] = refusal("A valid API key is needed.")
            answers["403"] = refusal("The API key does not allow this.")
            if keys:
                operation["security"] = [{"key": []}]
        operation["responses"] = dict(sorted(answers.items()))
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = _without_null(parameter["schema"])
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A header or query parameter that may be left out can still not be null."""
    options = [option for option in schema.pop("anyOf", ()) if option != {"type": "null"}]
    return {**schema, **(options[0] if options else {})}


def _bound_by_catalog(schema: dict[str, Any], catalog: Catalog) -> None:
    """Narrow the fields whose bounds the models decide to what some model of this server takes."""
    schema["examples"] = EXAMPLES
    fields, models = schema["properties"], catalog.models
    _narrow(fields["model"], enum=[model.id for model in models], default=catalog.default)
    size = {
        "minimum": min(model.size.nearest(0) for model in models),
        "maximum": max(model.size.nearest(1 << 20) for model in models),
        "multipleOf": gcd(*(model.size.multiple for model in models)),
    }
    _narrow(fields["width"], **size)
    _narrow(fields["height"], **size)
    _narrow(fields["num_inference_steps"], maximum=max(model.max_steps for model in models))
    schedulers = {scheduler.value for model in models for scheduler in model.schedulers}
    _narrow(fields["scheduler"], enum=sorted(schedulers))
    styles = sorted({style for model in models for style in model.styles})
    if styles:
        _narrow(fields["style"], enum=styles)
    else:
        del fields["style"]
    fields["n"]["maximum"] = max(model.max_images for model in models)


def _narrow(field: dict[str, Any], **bounds: object) -> None:
    """Put `bounds` on the part of an optional field that is not null."""
    part = field["anyOf"][0]
    if "$ref" in part:
        part = field["anyOf"][0] = {"type": "string"}
    part.update(bounds)
