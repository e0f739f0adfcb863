"""The text of prompts: one spelling for the same words, no NUL; how long it may be is a matter of the wire."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

MAX_TEXT_CHARS: Final = 256 * 1024
"""On every wire: what a JSON body without pictures may hold."""


def normal(value: str) -> str:
    """Unicode NFC, so that the same words are the same prompt however they were typed."""
    if "\x00" in value:
        raise PydanticCustomError("no_nul", "must not hold the NUL character")
    return unicodedata.normalize("NFC", value)


def at_most(limit: int) -> Callable[[str], str]:
    """A validator that lets no text pass of more than `limit` characters."""

    def checked(value: str) -> str:
        if len(value) > limit:
            said = {"limit": limit, "count": len(value)}
            raise PydanticCustomError("text_too_long", "must have at most {limit} characters, not {count}", said)
        return value

    return checked


Text = Annotated[
    str,
    Field(max_length=None, json_schema_extra={"maxLength": MAX_TEXT_CHARS}),
    AfterValidator(normal),
    AfterValidator(at_most(MAX_TEXT_CHARS)),
]
