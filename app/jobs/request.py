"""What a client may ask for, and how it becomes a job with every default filled in. Knows no store and no HTTP."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from app.http.validation import StrictInput
from core import tracing
from core.catalog import Catalog
from core.errors import InvalidRequest
from core.jobs import (
    MAX_IMAGES,
    MAX_PROMPT_CHARS,
    MAX_SEED,
    MAX_STEPS,
    GenerationRequest,
    ImageFormat,
    Output,
    Priority,
    Scheduler,
    Task,
    new_job_id,
    seeds_for,
)
from core.store import NewJob

MAX_PIXELS_A_SIDE: Final = 4096
MAX_GUIDANCE: Final = 50
MAX_EXPIRES_IN: Final = 7 * 24 * 3600

PORT: Final = r"(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"
PATH: Final = r"(?:[/?#][!-\[\]-~]*)?"
HOST: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?"
WEBHOOK_URL: Final = f"^https?://(?:{HOST}){PORT}{PATH}$"
"""http or https, a host, no user name; then printable ASCII without space or backslash."""

WEBHOOK_URL_V6: Final = rf"https?://\[(?P<address>[0-9A-Fa-f:.]+)\]{PORT}{PATH}"


def _text(value: str) -> str:
    """Unicode NFC, so that the same words are the same prompt however they were typed."""
    if "\x00" in value:
        raise PydanticCustomError("no_nul", "must not hold the NUL character")
    normal = unicodedata.normalize("NFC", value)
    if len(normal) > MAX_PROMPT_CHARS:
        raise PydanticCustomError(
            "text_too_long",
            "must have at most {limit} characters, not {count}",
            {"limit": MAX_PROMPT_CHARS, "count": len(normal)},
        )
    return normal


def _prompt(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError("blank", "must say what to draw; it is empty")
    return value


def _webhook(value: str) -> str:
    if re.fullmatch(WEBHOOK_URL, value) is None and not _has_ipv6_host(value):
        raise PydanticCustomError(
            "webhook_url",
            "must be an http or https URL in ASCII with a host and without user name, spaces or backslashes, "
            "such as 'https://example.com/hook'",
        )
    return value


def _has_ipv6_host(url: str) -> bool:
    match = re.fullmatch(WEBHOOK_URL_V6, url)
    try:
        return match is not None and bool(ipaddress.IPv6Address(match["address"]))
    except ValueError:
        return False


Text = Annotated[str, Field(max_length=None, json_schema_extra={"maxLength": MAX_PROMPT_CHARS}), AfterValidator(_text)]
Prompt = Annotated[
    Text,
    AfterValidator(_prompt),
    Field(json_schema_extra={"minLength": 1, "maxLength": MAX_PROMPT_CHARS, "pattern": r"^[^\x00]*[!-~][^\x00]*$"}),
]
"""The pattern in the schema is narrower than the rule, so that whatever it allows is accepted."""

WebhookUrl = Annotated[
    str,
    StringConstraints(max_length=2048),
    AfterValidator(_webhook),
    Field(json_schema_extra={"pattern": WEBHOOK_URL}),
]
MetadataKey = Annotated[str, StringConstraints(min_length=1, max_length=64)]
MetadataValue = Annotated[str, StringConstraints(max_length=512)]


QUALITY_NEEDS_LOSS: Final[dict[str, Any]] = {
    "anyOf": [
        {"required": ["format"], "properties": {"format": {"enum": [ImageFormat.JPEG, ImageFormat.WEBP]}}},
        {"properties": {"quality": {"type": "null"}}},
    ]
}


class OutputInput(StrictInput):
    """The file asked for."""

    model_config = ConfigDict(json_schema_extra=QUALITY_NEEDS_LOSS)

    format: ImageFormat = Field(default=ImageFormat.PNG, strict=False)
    quality: int | None = Field(default=None, ge=1, le=100, description="For JPEG and WebP; PNG is lossless.")


class GenerationInput(StrictInput):
    """A picture to draw. Only `prompt` is needed; the model's catalogue row has the other defaults."""

    prompt: Prompt = Field(description="What to draw.", examples=["a red apple"])
    negative_prompt: Text | None = Field(default=None, description="What to keep out.", examples=["blurry"])
    style: str | None = Field(
        default=None, max_length=64, description="One of the model's `styles`: it is put into the prompt."
    )
    model: str | None = Field(default=None, max_length=64, description="A model of GET /v1/models.")
    width: int | None = Field(default=None, ge=8, le=MAX_PIXELS_A_SIDE, description="Pixels, on the model's grid.")
    height: int | None = Field(default=None, ge=8, le=MAX_PIXELS_A_SIDE, description="Pixels, on the model's grid.")
    num_inference_steps: int | None = Field(default=None, ge=1, le=MAX_STEPS, description="More is slower and finer.")
    guidance_scale: float | None = Field(
        default=None, ge=0, le=MAX_GUIDANCE, description="How closely to follow the prompt."
    )
    scheduler: Annotated[Scheduler, Field(strict=False)] | None = Field(
        default=None, description="A sampler that the model takes."
    )
    seed: int | None = Field(
        default=None, ge=0, le=MAX_SEED, description="Image i gets seed + i. Unset: a random one, which the job shows."
    )
    n: int = Field(default=1, ge=1, le=MAX_IMAGES, description="How many pictures.")
    output: OutputInput = Field(default=OutputInput(), description="The files' format.")
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
        description="False: the job and its pictures are removed a minute after the last of them was fetched, and ten "
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

    def fingerprint(self) -> str:
        """Equal for equal requests, however their JSON was spelled."""
        canonical = json.dumps(self.model_dump(mode="json", exclude_none=True), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Start:
    """A picture that the drawing starts from: what is done with it, and how much of it is drawn anew, 0-1."""

    task: Task
    strength: float


def resolve(body: GenerationInput, catalog: Catalog, start: Start | None = None) -> GenerationRequest:
    """Fill in the model's defaults and fix the seeds. Raises NotFound or InvalidRequest, naming the field."""
    if body.output.quality is not None and body.output.format is ImageFormat.PNG:
        raise InvalidRequest(
            f"'output.quality' {body.output.quality} does not fit format 'png', which is lossless: "
            "leave it out, or ask for 'jpeg' or 'webp'",
            param="output.quality",
        )
    model = catalog.model(body.model)
    request = GenerationRequest(
        task=start.task if start else Task.TEXT_TO_IMAGE,
        model=model.id,
        prompt=model.in_style(body.prompt, body.style),
        negative_prompt=body.negative_prompt or "",
        width=body.width or model.size.width,
        height=body.height or model.size.height,
        num_inference_steps=body.num_inference_steps or model.num_inference_steps,
        guidance_scale=model.guidance_scale if body.guidance_scale is None else body.guidance_scale,
        scheduler=body.scheduler or model.scheduler,
        seeds=seeds_for(body.seed, body.n),
        strength=start.strength if start else None,
        output=Output(format=body.output.format, quality=body.output.quality),
    )
    model.check(request)
    return request


def new_job(
    body: GenerationInput, catalog: Catalog, owner: str, idempotency_key: str | None, start: Start | None = None
) -> NewJob:
    """The job to submit for `body`; with a `start`, its pictures must be stored before."""
    request = resolve(body, catalog, start)
    return NewJob(
        id=new_job_id(),
        owner=owner,
        queue=catalog.model(request.model).queue,
        request=request,
        priority=body.priority,
        expires_in=body.expires_in,
        metadata=body.metadata,
        webhook_url=body.webhook,
        store=body.store,
        traceparent=tracing.current.get(),
        idempotency_key=idempotency_key,
        fingerprint=body.fingerprint(),
    )
