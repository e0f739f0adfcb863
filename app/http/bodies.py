"""Bodies that come as JSON or, with files beside the fields, as a multipart form."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from app.http.json_bodies import MAX_BYTES, MAX_PICTURE_BYTES, read_json
from app.http.multipart import open_form
from app.http.validation import as_body_error

M = TypeVar("M", bound=BaseModel)
Files = Mapping[str, Sequence[bytes]]
"""The files of a form, by their fields' names."""


@asynccontextmanager
async def open_body(request: Request, model: type[M], *, files: Sequence[str]) -> AsyncIterator[tuple[M, Files]]:
    """The fields, and the files if it is a form; `files` are the names that files may have.

    Raises UnsupportedMediaType, PayloadTooLarge, InvalidRequest or RequestValidationError.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        yield validated(model, await read_json(request, MAX_PICTURE_BYTES if files else MAX_BYTES)), {}
        return
    async with open_form(request) as form:
        form.check_files(files)
        yield form.parsed(model), {name: form.all(name) for name in form.files}


def validated(model: type[M], document: object) -> M:
    """The fields of a JSON document. Raises RequestValidationError."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise as_body_error(error) from error


def digests(files: Files) -> tuple[str, ...]:
    """What the files are, as short texts: equal for equal files of equal names."""
    return tuple(f"{name} {hashlib.sha256(file).hexdigest()}" for name in sorted(files) for file in files[name])


def described_body(
    model: type[BaseModel],
    *,
    files: Sequence[str],
    together: Sequence[Collection[str]],
    needed: Sequence[str] | None = None,
) -> dict[str, Any]:
    """What OpenAPI says of a body that `open_body` reads; `app.http.openapi` gives the schema its name.

    `together` are the sets of files that make sense; `needed` are the fields that a form is said to have, those that
    the model requires if unset.
    """
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    required = schema.get("required", []) if needed is None else [*needed]
    form = {
        "type": "object",
        "description": f"The same fields as text, objects as JSON, and {', '.join(files)} as files.",
        "required": required,
        "properties": {
            **{name: _not_null(schema["properties"][name]) for name in required},
            **{name: {"type": "string", "format": "binary"} for name in files},
        },
        "additionalProperties": False,
        "anyOf": [
            {"required": [*names], "properties": {name: False for name in files if name not in names}}
            for names in together
        ],
    }
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema}, "multipart/form-data": {"schema": form}},
        }
    }


def _not_null(field: dict[str, Any]) -> dict[str, Any]:
    """The schema of a field that is there: a form cannot say null."""
    return next((part for part in field.get("anyOf", ()) if part.get("type") != "null"), field)
