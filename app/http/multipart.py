"""How a multipart form is read: its type, its size, its parts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from app.http.json_bodies import parse
from app.http.validation import as_body_error
from core.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from core.media import MAX_FILE_BYTES

M = TypeVar("M", bound=BaseModel)

MAX_TEXT_BYTES: Final = 256 * 1024
MAX_BYTES: Final = 2 * MAX_FILE_BYTES + 2 * MAX_TEXT_BYTES
MAX_DISCARDED_BYTES: Final = 2 * MAX_BYTES
"""How much of a body that is too large is read and thrown away, so that its sender gets to see the answer."""

MAX_SECONDS: Final = 300.0
"""A slow line brings 20 MiB in that time; who is slower only holds a connection."""

NAME: Final = re.compile(r"(?P<field>[A-Za-z_]{1,64})(?:\[(?P<key>[^\[\]]{0,64})\])?")
STRUCTURED: Final = ("metadata", "inputs", "output", "adapters")
"""Fields that hold more than one value: as JSON, or with their keys in brackets as some clients send them."""


@dataclass(frozen=True, slots=True)
class Form:
    """Large files lie on disk until they are read, each time anew."""

    fields: dict[str, Any]
    files: dict[str, list[BinaryIO]]

    def parsed(self, kind: type[M]) -> M:
        """The fields as `kind`. Raises RequestValidationError, as a JSON body would."""
        try:
            return kind.model_validate(self.fields, strict=False)  # text is all that a form can hold
        except ValidationError as error:
            raise as_body_error(error) from error

    def check_files(self, names: Sequence[str]) -> None:
        """Raise InvalidRequest for a file of another name, and for one of `names` that came as text."""
        text = next((name for name in names if name in self.fields), None)
        if text is not None:
            raise InvalidRequest(f"'{text}' must be sent as a file", param=text)
        surplus = next((name for name in self.files if name not in names), None)
        if surplus is not None:
            raise InvalidRequest(
                f"the file '{surplus[:60]}' is not taken: this server takes {' and '.join(map(repr, names))}",
                code="unsupported_value",
                param=surplus[:60],
            )

    def all(self, name: str) -> list[bytes]:
        """The files of that name, in their order."""
        found = []
        for file in self.files.get(name, []):
            file.seek(0)
            found.append(file.read())
        return found


def only(name: str, found: Sequence[bytes]) -> bytes:
    """The one file that came as `name`. Raises InvalidRequest if there is none, or more."""
    if not found:
        raise InvalidRequest(f"'{name}' is required, as a file", code="missing_required_parameter", param=name)
    if len(found) > 1:
        raise InvalidRequest(
            f"'{name}' came {len(found)} times: no model of this server takes more than one",
            code="unsupported_value",
            param=name,
        )
    return found[0]


@asynccontextmanager
async def open_form(request: Request) -> AsyncIterator[Form]:
    """Raises UnsupportedMediaType, PayloadTooLarge or InvalidRequest."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise UnsupportedMediaType("the body must be a form, sent as multipart/form-data", param="Content-Type")
    counted = Request(request.scope, _counted(request.receive))
    try:
        fields: dict[str, Any] = {}
        files: dict[str, list[BinaryIO]] = {}
        for name, value in (await _parse(counted)).multi_items():
            if isinstance(value, UploadFile):
                files.setdefault(name.removesuffix("[]"), []).append(value.file)
            else:
                _put(fields, name, value)
        yield Form(fields, files)
    finally:
        await counted.close()


async def _parse(request: Request) -> FormData:
    try:
        async with asyncio.timeout(MAX_SECONDS):
            return await request.form(max_files=32, max_fields=64, max_part_size=MAX_TEXT_BYTES)
    except TimeoutError as error:
        raise InvalidRequest(f"the form did not arrive within {MAX_SECONDS:.0f} s") from error
    except (HTTPException, MultiPartException) as error:
        reason = getattr(error, "detail", None) or getattr(error, "message", "")
        raise InvalidRequest(f"the form cannot be read: {reason}", code="invalid_form") from error
    except ClientDisconnect as error:
        raise InvalidRequest("the connection ended before the body did") from error


def _put(fields: dict[str, Any], name: str, value: str) -> None:
    match = NAME.fullmatch(name)
    field, key = (match["field"], match["key"]) if match else (name, None)
    if field not in STRUCTURED:
        fields[name.removesuffix("[]")] = value
    elif key is None:
        fields[field] = _object(field, value)
    else:
        fields.setdefault(field, {})[key] = value


def _object(field: str, value: str) -> dict[str, Any]:
    """Read as a JSON body is, with its caps. Raises InvalidRequest."""
    wrong = InvalidRequest(f"'{field}' must be a JSON object in a form", param=field)
    try:
        found = parse(value.encode())
    except InvalidRequest as error:
        raise wrong from error
    if not isinstance(found, dict):
        raise wrong
    return found


def _counted(receive: Receive) -> Receive:
    """`receive` up to the limit. Raises PayloadTooLarge, once the sender has been heard out within reason."""
    total = 0

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        while total > MAX_BYTES:
            if total > MAX_DISCARDED_BYTES or not message.get("more_body"):
                raise PayloadTooLarge(f"the body is over the limit of {MAX_BYTES // 2**20} MiB")
            message = await receive()
            total += len(message.get("body", b""))
        return message

    return counted
