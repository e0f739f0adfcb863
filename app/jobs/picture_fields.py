"""A picture as JSON names it: an address, its bytes in base64, an upload, an output of another generation."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.jobs.sources import EarlierOutput, Source, UploadedFile, source_of_text
from core.errors import InvalidRequest
from core.jobs import JOB_ID
from core.store.uploads import UPLOAD_ID

PICTURE_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [
        {
            "type": "string",
            "format": "picture",
            "description": "An http or https URL, a data URI, or plain base64: PNG, JPEG or WebP.",
        },
        {
            "type": "object",
            "description": "An output of another generation of yours.",
            "required": ["generation", "index"],
            "properties": {
                "generation": {"type": "string", "pattern": f"^{JOB_ID.pattern}$"},
                "index": {"type": "integer", "minimum": 0, "maximum": 99},
            },
            "additionalProperties": False,
        },
        {
            "type": "object",
            "description": "A file of POST /v1/uploads.",
            "required": ["upload"],
            "properties": {"upload": {"type": "string", "pattern": f"^{UPLOAD_ID.pattern}$"}},
            "additionalProperties": False,
        },
    ]
}


def _source(value: object) -> Source:
    """Where an input comes from, as JSON says it."""
    if isinstance(value, str):
        try:
            return source_of_text(value, "it")
        except InvalidRequest as error:
            raise PydanticCustomError("input", "{said}", {"said": error.message.removeprefix("'it' ")}) from error
    if isinstance(value, dict) and value.keys() == {"generation", "index"}:
        generation, index = value["generation"], value["index"]
        if isinstance(generation, str) and isinstance(index, int) and not isinstance(index, bool):
            return EarlierOutput(generation, index)
    if isinstance(value, dict) and value.keys() == {"upload"} and isinstance(value["upload"], str):
        return UploadedFile(value["upload"])
    raise PydanticCustomError(
        "input",
        'must be a URL, a data URI, base64, {{"generation": "gen_…", "index": 0}} or {{"upload": "upl_…"}}',
    )


def _sources(value: object) -> tuple[Source, ...]:
    """One source or several."""
    if value == []:
        raise PydanticCustomError("input", "must name a picture at least, or be left out")
    return tuple(_source(each) for each in value) if isinstance(value, list) else (_source(value),)


Picture = Annotated[Any, AfterValidator(_source), WithJsonSchema(PICTURE_SCHEMA)]
"""One picture, wherever it is."""

Pictures = Annotated[
    Any,
    AfterValidator(_sources),
    WithJsonSchema({"anyOf": [*PICTURE_SCHEMA["anyOf"], {"type": "array", "items": PICTURE_SCHEMA, "minItems": 1}]}),
]
"""One picture or several, in a list."""
