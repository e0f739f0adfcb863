"""What was looked at and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`advice` says what to do unless all is well."""

    what: str
    state: State
    found: str
    advice: str = ""
