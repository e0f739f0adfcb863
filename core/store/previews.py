"""How a running job's first picture looks so far: one small JPEG a job, for half a minute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from redis import Redis

from core.key_names import names_of

KEEP_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Preview:
    """After denoising step `step` of `steps`."""

    jpeg: bytes
    step: int
    steps: int


class Previews:
    """Shown by workers, read by streams."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._names = names_of(redis)

    def show(self, job_id: str, preview: Preview) -> None:
        """Put it in the place of the one before, and tell who waits."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.set(
                self._names("preview", job_id),
                b"%d %d " % (preview.step, preview.steps) + preview.jpeg,
                ex=KEEP_SECONDS,
            )
            pipe.publish(self._names("changes"), f"{job_id} preview")
            pipe.execute()

    def latest(self, job_id: str) -> Preview | None:
        kept: Any = self._redis.get(self._names("preview", job_id))
        if kept is None:
            return None
        step, steps, jpeg = kept.split(b" ", 2)
        return Preview(jpeg=jpeg, step=int(step), steps=int(steps))
