"""Why a worker cannot draw with a model, as it tells the others."""

from __future__ import annotations

from core.record import Record


class ModelFailure(Record):
    """`message` is for whoever asks for a picture, `reason` for the owner of the machine; `since` in Unix seconds."""

    message: str
    reason: str
    since: float
