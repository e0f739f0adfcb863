"""What an OpenAI client may ask of the images routes, and Easel's own fields beside it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from app.http.validation import StrictInput
from app.jobs.adapters import AdaptersInput
from app.jobs.fields import MAX_EXPIRES_IN, MetadataKey, MetadataValue, WebhookUrl, not_blank, words_schema
from app.jobs.guide_fields import GuidesInput
from core.catalog.model import MAX_IMAGES, MAX_STEPS
from core.jobs import MAX_SEED, RANDOM_SEED, Priority
from core.schedulers import NoiseSchedule, Scheduler
from core.tasks.diffusion import MAX_GUIDANCE
from core.tasks.text import Text, at_most

MAX_PROMPT_CHARS: Final = 32_000
"""As https://platform.openai.com/docs/api-reference/images has it for its own models."""

Words = Annotated[
    Text, AfterValidator(at_most(MAX_PROMPT_CHARS)), Field(json_schema_extra={"maxLength": MAX_PROMPT_CHARS})
]
Prompt = Annotated[Words, AfterValidator(not_blank), Field(json_schema_extra=words_schema(MAX_PROMPT_CHARS))]


class Quality(StrEnum):
    """How many steps to spend, beside what the model does by itself."""

    AUTO = "auto"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"
    STANDARD = "standard"
    HD = "hd"


class Background(StrEnum):
    """`background` of https://platform.openai.com/docs/api-reference/images; no model here draws transparency."""

    AUTO = "auto"
    OPAQUE = "opaque"


class Moderation(StrEnum):
    """`moderation`: taken and not used; this server moderates nothing."""

    AUTO = "auto"
    LOW = "low"


class Style(StrEnum):
    """`style`: taken and not used."""

    VIVID = "vivid"
    NATURAL = "natural"


class Fidelity(StrEnum):
    """`input_fidelity`: how near an edit stays to its picture."""

    LOW = "low"
    HIGH = "high"


class OutputFormat(StrEnum):
    """`output_format`: how the files are encoded."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"


class ResponseFormat(StrEnum):
    """`response_format`: a link, or the file itself in Base64."""

    URL = "url"
    B64_JSON = "b64_json"


FORMATS: Final = "this server makes png, jpeg and webp"
NOT_HERE: Final = {"transparent": "no model of this server draws transparency", "gif": FORMATS, "svg": FORMATS}


def _offered(value: object) -> object:
    if isinstance(value, str) and value in NOT_HERE:
        said = {"value": value, "reason": NOT_HERE[value]}
        raise PydanticCustomError("unsupported_value", "cannot be '{value}': {reason}", said)
    return value


def _nothing(value: object) -> None:
    if value is not None:
        raise PydanticCustomError("unsupported_value", "is not done by this server: leave it out")


Unsupported = Annotated[object, AfterValidator(_nothing)]


class ImagesInput(StrictInput):
    """The fields that all images routes share. Null is the same as leaving a field out."""

    model: str | None = Field(default=None, max_length=64)
    n: int | None = Field(default=None, ge=1, le=MAX_IMAGES)
    size: str | None = Field(default=None, max_length=64)
    quality: Annotated[Quality, Field(strict=False)] | None = None
    background: Annotated[Background, Field(strict=False), BeforeValidator(_offered)] | None = None
    output_format: Annotated[OutputFormat, Field(strict=False), BeforeValidator(_offered)] | None = None
    output_compression: int | None = Field(default=None, ge=0, le=100)
    moderation: Annotated[Moderation, Field(strict=False)] | None = None
    response_format: Annotated[ResponseFormat, Field(strict=False)] | None = None
    style: Annotated[Style, Field(strict=False)] | None = None
    user: str | None = Field(default=None, max_length=512)
    safety_identifier: str | None = Field(default=None, max_length=512)
    stream: bool | None = None
    partial_images: int | None = Field(default=None, ge=0, le=3)
    complexity: Unsupported = None
    frame_count: Unsupported = None
    frame_duration_ms: Unsupported = None
    svg: Unsupported = None

    negative_prompt: Words | None = None
    adapters: AdaptersInput | None = None
    inputs: GuidesInput | None = None
    seed: int | None = Field(default=None, ge=RANDOM_SEED, le=MAX_SEED)
    steps: int | None = Field(default=None, ge=1, le=MAX_STEPS)
    num_inference_steps: int | None = Field(default=None, ge=1, le=MAX_STEPS)
    guidance: float | None = Field(default=None, ge=0, le=MAX_GUIDANCE)
    guidance_scale: float | None = Field(default=None, ge=0, le=MAX_GUIDANCE)
    scheduler: Annotated[Scheduler, Field(strict=False)] | None = None
    noise_schedule: Annotated[NoiseSchedule, Field(strict=False)] | None = None
    webhook: WebhookUrl | None = None
    priority: Annotated[Priority, Field(strict=False)] | None = None
    expires_in: int | None = Field(default=None, ge=1, le=MAX_EXPIRES_IN)
    store: bool | None = None
    metadata: dict[MetadataKey, MetadataValue] | None = Field(default=None, max_length=15)

    @property
    def words(self) -> str:
        """What to draw."""
        return ""


class GenerationsInput(ImagesInput):
    """POST /images/generations."""

    prompt: Prompt

    @property
    def words(self) -> str:
        """What to draw."""
        return self.prompt


class EditsInput(ImagesInput):
    """POST /images/edits, beside its files."""

    prompt: Prompt
    input_fidelity: Annotated[Fidelity, Field(strict=False)] | None = None
    strength: float | None = Field(default=None, gt=0, le=1)

    @property
    def words(self) -> str:
        """What to draw."""
        return self.prompt


class VariationsInput(ImagesInput):
    """POST /images/variations, beside its file."""

    prompt: Words = ""
    strength: float | None = Field(default=None, gt=0, le=1)

    @property
    def words(self) -> str:
        """What to draw."""
        return self.prompt
