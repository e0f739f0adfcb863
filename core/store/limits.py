"""How much the store lets everybody and each owner have."""

from __future__ import annotations

from dataclasses import dataclass

from core.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds that the scripts enforce."""

    max_queued: int = 1000
    max_queued_per_owner: int = 100
    max_running_per_owner: int = 1000
    images_per_day: int | None = None
    worker_seconds_per_day: int | None = None
    lease_ms: int = 15_000
    max_attempts: int = 3
    retention_ms: int = 7 * 24 * 3600 * 1000
    max_kept_per_owner: int = 10_000

    def at_submission(self) -> dict[str, int]:
        """Those that the script compares a new job with, by their names there; what is not limited is left out."""
        limits = {
            "max_queued": self.max_queued,
            "max_queued_per_owner": self.max_queued_per_owner,
            "images_per_day": self.images_per_day,
            "worker_seconds_per_day": self.worker_seconds_per_day,
        }
        return {name: limit for name, limit in limits.items() if limit is not None}

    @classmethod
    def from_settings(cls, settings: Settings) -> Limits:
        """Those of the settings, in the scripts' units."""
        return cls(
            max_queued=settings.max_queued,
            max_queued_per_owner=settings.max_queued_per_key,
            max_running_per_owner=settings.max_running_per_key,
            images_per_day=settings.images_per_day_per_key or None,
            worker_seconds_per_day=settings.worker_seconds_per_day_per_key or None,
            lease_ms=round(settings.lease_seconds * 1000),
            max_attempts=settings.max_attempts,
            retention_ms=round(settings.retention_hours * 3_600_000),
            max_kept_per_owner=settings.max_kept_per_key,
        )
