"""The Idempotency-Key header, as every wire takes it."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Header

IDEMPOTENCY_KEY: Final = r"^[!-~](?:[ -~]{0,253}[!-~])?$"

IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=IDEMPOTENCY_KEY,
        description="1-255 printable ASCII characters. The same key with the same body answers the same job for 24 h.",
    ),
]
