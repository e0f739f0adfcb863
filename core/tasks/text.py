"""The text of prompts: one spelling for the same words, no NUL, no endless prompts."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

MAX_PROMPT_CHARS: Final = 2_000


def normal(value: str) -> str:
    """Unicode NFC, so that the same words are the same prompt however they were typed."""
    if "\x00" in value:
        raise PydanticCustomError("no_nul", "must not hold the NUL character")
    text = unicodedata.normalize("NFC", value)
    if len(text) > MAX_PROMPT_CHARS:
        raise PydanticCustomError(
            "text_too_long",
            "must have at most {limit} characters, not {count}",
            {"limit": MAX_PROMPT_CHARS, "count": len(text)},
        )
    return text


Text = Annotated[str, Field(max_length=None, json_schema_extra={"maxLength": MAX_PROMPT_CHARS}), AfterValidator(normal)]
