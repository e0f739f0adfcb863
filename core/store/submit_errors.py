"""What the verdicts of the submit script mean to the client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.errors import EaselError, Forbidden, IdempotencyMismatch, QuotaExceeded, Unavailable


def refusal(
    verdict: str, details: list[Any], model: str, drain_seconds: Callable[[int], int], jobs: int = 1
) -> EaselError:
    """`details` follow the verdict; `drain_seconds` says when so many jobs more will have left the queue.

    So many `jobs` were asked for together.
    """
    if verdict == "mismatch":
        return IdempotencyMismatch(param="Idempotency-Key")
    if verdict == "model":
        return Forbidden(f"your API key may not use the model '{model}'", code="model_not_allowed", param="model")
    if verdict == "adapter":
        (adapter,) = details
        return Forbidden(
            f"your API key may not use the adapter '{adapter.decode()}'", code="adapter_not_allowed", param="adapters"
        )
    numbers = [int(each) for each in details]
    if verdict == "owner_full":
        waiting, owners = numbers
        over = "the limit" if jobs == 1 else f"and {jobs} more are over the limit"
        return QuotaExceeded(
            f"you have {waiting} jobs waiting, {over} of your key; try again when some are done",
            retry_after=drain_seconds(
                max(1, owners * jobs)
            ),  # they take turns: one of yours starts when each has had one
        )
    if verdict in ("images", "worker_seconds"):
        used, limit, seconds = numbers
        what = "pictures" if verdict == "images" else "seconds of workers"
        return QuotaExceeded(
            f"your key has used {used} of its {limit} {what} of this day, which ends at 0:00 UTC",
            code="quota_exceeded",
            retry_after=seconds,
        )
    return Unavailable(
        f"the queue is full ({numbers[0]} jobs waiting); try again later"
        if jobs == 1
        else f"the queue has no room for {jobs} jobs more ({numbers[0]} waiting); try again later",
        code="queue_full",
        retry_after=drain_seconds(jobs),
    )
