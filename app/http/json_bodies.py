"""How a JSON body is read: its type, its size, how many values it has, its depth, each before the next."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Final, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from core.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType

MAX_BYTES: Final = 256 * 1024
MAX_PICTURE_BYTES: Final = 32 * 1024 * 1024
"""Where pictures travel inside the JSON, in base64."""

MAX_DEPTH: Final = 20
MAX_VALUES: Final = 10_000
"""Told by the commas: parsing a few million small values holds Python's lock, and all other requests, for seconds."""

INLINE_BYTES: Final = 16 * 1024
"""A body of this size is parsed in less time than another thread takes to begin."""

MAX_SECONDS: Final = 30.0
MAX_EXACT: Final = 2**53

MAX_DISCARD_SECONDS: Final = 3.0
MAX_DISCARDED_BYTES: Final = 32 * 1024 * 1024
"""How much of a body that is too large is read and thrown away, so that its sender gets to see the answer."""


class ParsedRequest(Request):
    """A request whose JSON is already read."""

    document: object

    async def body(self) -> bytes:
        """Not its bytes, which are gone: FastAPI asks only whether there are any."""
        return b"{}"

    async def json(self) -> Any:  # noqa: ANN401 - starlette's own
        """The document that was read."""
        return self.document


class JsonRoute(APIRoute):
    """A route that takes a JSON body within our limits and nothing else."""

    max_bytes: ClassVar[int] = MAX_BYTES

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def read_then_handle(request: Request) -> Response:
            parsed = ParsedRequest(request.scope, request.receive)
            parsed.document = await read_json(request, self.max_bytes)
            return await handle(parsed)

        return read_then_handle


class PictureRoute(JsonRoute):
    """One whose JSON may carry pictures, in base64."""

    max_bytes = MAX_PICTURE_BYTES


async def read_json(request: Request, max_bytes: int) -> object:
    """The document in the body. Raises UnsupportedMediaType, PayloadTooLarge or InvalidRequest."""
    _check_media_type(request.headers.get("content-type", ""))
    content = await _read(request, max_bytes)
    return parse(content) if len(content) <= INLINE_BYTES else await run_in_threadpool(parse, content)


def _check_media_type(value: str) -> None:
    media_type, _, parameters = value.partition(";")
    if media_type.strip().lower() != "application/json":
        raise UnsupportedMediaType(param="Content-Type")
    charset = parameters.partition("charset=")[2].strip(' "').lower()
    if charset not in ("", "utf-8", "utf8"):
        raise UnsupportedMediaType("the body must be JSON in UTF-8", param="Content-Type")


async def _read(request: Request, max_bytes: int) -> bytes:
    """The whole body. Raises PayloadTooLarge, once the sender has been heard out within reason."""
    declared = request.headers.get("content-length", "")
    content, total, too_large = bytearray(), 0, declared.isdecimal() and int(declared[:20]) > max_bytes
    try:
        async with asyncio.timeout(MAX_DISCARD_SECONDS if too_large else MAX_SECONDS):
            async for chunk in request.stream():
                total += len(chunk)
                if total <= max_bytes:
                    content += chunk
                elif total > max_bytes + MAX_DISCARDED_BYTES:
                    break
    except TimeoutError as error:
        if not too_large:
            raise InvalidRequest(f"the body did not arrive within {MAX_SECONDS:.0f} s") from error
    except ClientDisconnect as error:
        raise InvalidRequest("the connection ended before the body did") from error
    if too_large or total > max_bytes:
        raise PayloadTooLarge(f"the body is over the limit of {max_bytes // 1024} KiB")
    return bytes(content)


def _number(text: str) -> int | float:
    """JSON has one kind of number: 20.0 is an integer there."""
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < MAX_EXACT else number


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidRequest(f"the body is not valid JSON: {name} is not a number")


def parse(content: bytes) -> object:
    """The JSON in `content`. Raises InvalidRequest, saying where it goes wrong."""
    if not content.strip():
        raise InvalidRequest("the body is empty: send a JSON object")
    if content.count(b",") > MAX_VALUES:
        raise InvalidRequest(f"the body has more than {MAX_VALUES} values", code="invalid_json")
    try:
        document = json.loads(content.decode("utf-8"), parse_float=_number, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"the body is not UTF-8: byte {error.start} is wrong") from error
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"the body is not valid JSON: {error.msg} at line {error.lineno} column {error.colno}", code="invalid_json"
        ) from error
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:  # an integer of thousands of digits
        raise InvalidRequest("the body has a number that is too long", code="invalid_json") from error
    _check_tree(document)
    return document


def _too_deep() -> InvalidRequest:
    return InvalidRequest(f"the body is nested deeper than {MAX_DEPTH} levels", code="invalid_json")


def _check_tree(document: object) -> None:
    """Refuse what JSON can spell and a store or an answer cannot: endless depth, halves of surrogate pairs."""
    depth, level = 0, [document]
    while level:
        inner: list[object] = []
        for value in level:
            if isinstance(value, dict):
                inner += [*value.keys(), *value.values()]
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, str) and not value.isascii() and _is_broken(value):
                raise InvalidRequest("the body has text with half of a surrogate pair", code="invalid_json")
        depth += any(isinstance(value, dict | list) for value in level)
        if depth > MAX_DEPTH:
            raise _too_deep()
        level = inner


def _is_broken(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
