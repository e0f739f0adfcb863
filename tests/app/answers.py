"""What tests read out of a generation's answer."""

from __future__ import annotations

from typing import Any


def request_of(job: dict[str, Any]) -> dict[str, Any]:
    """All that the job was asked for, flat."""
    return {**job["parameters"], **{name: job[name] for name in ("task", "model", "seeds", "output")}}
