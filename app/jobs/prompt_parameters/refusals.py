"""How a prompt in this syntax is refused: it is always the prompt that is wrong."""

from __future__ import annotations

from core.errors import InvalidRequest


def refused(message: str, code: str | None = None) -> InvalidRequest:
    """What is to be raised; `message` names the parameter, its value and what would be right."""
    return InvalidRequest(message, code=code, param="prompt")
