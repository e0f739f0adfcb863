"""What can be said of every job, however it is asked for: how many, when, for how long, and who is told."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from app.http.validation import StrictInput
from app.jobs.fields import MAX_EXPIRES_IN, MetadataKey, MetadataValue, WebhookUrl
from core.catalog.model import MAX_IMAGES
from core.jobs import MAX_SEED, RANDOM_SEED, Priority

MAX_PROMPT_CHARS: Final = 8_000
"""Of a text on this wire: some 2,000 tokens."""


class JobOptions(StrictInput):
    """Fields of every job."""

    seed: int | None = Field(
        default=None,
        ge=RANDOM_SEED,
        le=MAX_SEED,
        description="Output i gets seed + i. Unset or -1: a random one, which the job shows.",
    )
    n: int = Field(default=1, ge=1, le=MAX_IMAGES, description="How many outputs.")
    priority: Annotated[Priority, Field(strict=False)] = Field(
        default=Priority.NORMAL,
        description="Orders your own jobs: a lower one starts when no higher one of yours waits.",
    )
    expires_in: int | None = Field(
        default=None,
        ge=1,
        le=MAX_EXPIRES_IN,
        description="Seconds until the job is of no use any more: it then fails with deadline_exceeded.",
    )
    store: bool = Field(
        default=True,
        description="False: the job and its outputs are removed a minute after the last of them was fetched, and ten "
        "minutes after its end at the latest.",
    )
    webhook: WebhookUrl | None = Field(
        default=None,
        description="Where to POST the finished job, signed (see GET /v1/webhooks/secret).",
        examples=["https://example.com/hooks/easel"],
    )
    metadata: dict[MetadataKey, MetadataValue] = Field(
        default={},
        max_length=16,
        description="Your own labels; they come back with the job.",
        examples=[{"user": "42"}],
    )

    def options(self) -> dict[str, Any]:
        """The same, as a request for a job has them."""
        return {name: getattr(self, name) for name in JobOptions.model_fields}
