"""The Prefer header of RFC 7240, as far as we honour it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

MAX_WAIT_SECONDS: Final = 60
DEFAULT_WAIT_SECONDS: Final = 30

WAIT: Final = re.compile(r'\s*wait\s*(?:=\s*"?(?P<seconds>[0-9]{1,9})"?\s*)?(?:;.*)?', re.IGNORECASE)


def wait_seconds(headers: Iterable[str]) -> int | None:
    """How long the client would wait, 60 s at most; None if it said nothing of it. What we do not know is ignored."""
    for preference in ",".join(headers).split(","):
        match = WAIT.fullmatch(preference)
        if match is not None:
            return min(MAX_WAIT_SECONDS, int(match["seconds"] or DEFAULT_WAIT_SECONDS))
    return None
