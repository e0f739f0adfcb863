"""Fields that routes share: what a webhook's address, a label, a folder's name and a prompt may be."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

MAX_EXPIRES_IN: Final = 7 * 24 * 3600

PORT: Final = r"(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"
PATH: Final = r"(?:[/?#][!-\[\]-~]*)?"
HOST: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?"
HTTP_URL: Final = f"^https?://(?:{HOST}){PORT}{PATH}$"
"""http or https, a host, no user name; then printable ASCII without space or backslash."""

HTTP_URL_V6: Final = rf"https?://\[(?P<address>[0-9A-Fa-f:.]+)\]{PORT}{PATH}"


def is_http_url(value: str) -> bool:
    """Whether `value` is an address that we would call: http or https, a host, no user name, plain ASCII."""
    return re.fullmatch(HTTP_URL, value) is not None or _has_ipv6_host(value)


def _has_ipv6_host(url: str) -> bool:
    match = re.fullmatch(HTTP_URL_V6, url)
    try:
        return match is not None and bool(ipaddress.IPv6Address(match["address"]))
    except ValueError:
        return False


def _webhook(value: str) -> str:
    if not is_http_url(value):
        raise PydanticCustomError(
            "webhook_url",
            "must be an http or https URL in ASCII with a host and without user name, spaces or backslashes, "
            "such as 'https://example.com/hook'",
        )
    return value


def not_blank(value: str) -> str:
    """`value`, unless there is nothing in it."""
    if not value.strip():
        raise PydanticCustomError("blank", "must say what to draw; it is empty")
    return value


def words_schema(most: int) -> dict[str, Any]:
    """The schema of words that must be there, `most` characters of them.

    The pattern is narrower than the rule, so that whatever the schema allows is accepted.
    """
    return {"minLength": 1, "maxLength": most, "pattern": r"^[^\x00]*[!-~][^\x00]*$"}


FOLDER: Final = r"^[^\x00-\x20./\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$"
MAX_FOLDER: Final = 100


def _folder(value: str) -> str:
    """One spelling for the same name, however it was typed."""
    if len(value) > MAX_FOLDER or re.fullmatch(FOLDER[1:-1], value) is None:
        raise PydanticCustomError(
            "folder_name",
            "must be a name of 1 to {most} characters, without a space around it, a line's end in it, "
            "or a dot or slash before it, such as 'Foxes'",
            {"most": MAX_FOLDER},
        )
    return unicodedata.normalize("NFC", value)


FolderName = Annotated[
    str,
    AfterValidator(_folder),
    Field(json_schema_extra={"minLength": 1, "maxLength": MAX_FOLDER, "pattern": FOLDER}, examples=["Foxes"]),
]
WebhookUrl = Annotated[
    str, StringConstraints(max_length=2048), AfterValidator(_webhook), Field(json_schema_extra={"pattern": HTTP_URL})
]
MetadataKey = Annotated[str, StringConstraints(min_length=1, max_length=64)]
MetadataValue = Annotated[str, StringConstraints(max_length=512)]
