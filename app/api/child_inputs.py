"""What may be said of a job that goes on from a finished picture, action by action."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from app.api.job_options import MAX_PROMPT_CHARS, JobOptions
from app.jobs.children import STRENGTHS
from app.jobs.fields import not_blank, words_schema
from app.jobs.picture_fields import Picture
from app.jobs.placement import Direction, Margins
from core.catalog.model import MAX_IMAGES, MAX_STEPS, MOST_SCALE
from core.errors import InvalidRequest
from core.tasks.diffusion import MAX_GUIDANCE
from core.tasks.text import Text, at_most

Words = Annotated[
    Text,
    AfterValidator(at_most(MAX_PROMPT_CHARS)),
    AfterValidator(not_blank),
    Field(json_schema_extra=words_schema(MAX_PROMPT_CHARS)),
]
ModelName = Annotated[str, Field(min_length=1, max_length=128)]
PARAMETERS = ("prompt", "negative_prompt", "num_inference_steps", "guidance_scale")


class ChildInput(JobOptions):
    """What is left out is as the picture was asked for; the seed is a new one."""

    prompt: Words | None = Field(default=None, description="What to draw, if something else.")
    negative_prompt: Annotated[Text, AfterValidator(at_most(MAX_PROMPT_CHARS))] | None = Field(
        default=None, description="What to keep out.", json_schema_extra={"maxLength": MAX_PROMPT_CHARS}
    )
    num_inference_steps: int | None = Field(default=None, ge=1, le=MAX_STEPS, description="More is slower and finer.")
    guidance_scale: float | None = Field(default=None, ge=0, le=MAX_GUIDANCE, description="How closely to follow it.")

    def needed(self, name: str) -> object:
        """A field that must be there. Said only once it is known that the picture is, so that nobody learns more."""
        if (value := getattr(self, name)) is None:
            raise InvalidRequest(f"'{name}' is required", code="missing_required_parameter", param=name)
        return value

    def changes(self) -> dict[str, Any]:
        """Parameters that it names."""
        return {name: value for name in PARAMETERS if (value := getattr(self, name)) is not None}


class RerollInput(ChildInput):
    """The same request once more, with another seed."""


class VaryInput(ChildInput):
    """The picture drawn over: a little of it anew, much, or just a part."""

    strength: Literal["subtle", "strong"] | Annotated[float, Field(gt=0, le=1)] = Field(
        default="subtle", description="How much of it is drawn anew: `subtle` is 0.35, `strong` 0.7; or a number."
    )
    mask: Picture | None = Field(default=None, description="White where it is to be drawn anew; the rest stays.")

    @property
    def share(self) -> float:
        """As a number; with a mask all of what lies under it, where nothing else is said."""
        if self.mask is not None and "strength" not in self.model_fields_set:
            return 1.0
        return STRENGTHS[self.strength] if isinstance(self.strength, str) else self.strength


class RemixInput(ChildInput):
    """Other words for the picture's composition."""

    model_config = ConfigDict(json_schema_extra={"required": ["prompt"]})

    strength: float = Field(default=0.75, gt=0, le=1, description="How much of the picture is drawn anew.")


class PanInput(ChildInput):
    """The picture goes on in one direction. What it shows stays as it is."""

    direction: Direction = Field(default="right", description="Where it goes on.")
    by: float = Field(default=0.5, gt=0, le=1, description="By which share of its side.")


class ZoomInput(ChildInput):
    """More of what is around the picture, on a canvas of the same size."""

    factor: float = Field(default=2.0, gt=1, le=4, description="How many times as small the picture becomes.")


class ReframeInput(ChildInput):
    """The picture in another shape: what is missing is drawn."""

    model_config = ConfigDict(json_schema_extra={"required": ["ratio"]})

    ratio: str | None = Field(
        default=None,
        pattern=r"^[1-9][0-9]{0,3}:[1-9][0-9]{0,3}$",
        description="Width to height.",
        examples=["16:9"],
    )

    @property
    def number(self) -> float:
        """Width over height. Raises InvalidRequest beyond 1:4 and 4:1."""
        width, height = (int(side) for side in str(self.needed("ratio")).split(":"))
        if not 0.25 <= width / height <= 4:
            raise InvalidRequest(f"ratio {self.ratio} is beyond 1:4 and 4:1", param="ratio")
        return width / height


MOST_MARGIN = 8192

Margin = Annotated[int, Field(ge=0, le=MOST_MARGIN)]


class ExtendInput(ChildInput):
    """The picture goes on by so many of its own pixels on each side. What it shows stays as it is."""

    left: Margin = Field(default=0, description="Pixels to its left.")
    top: Margin = Field(default=0, description="Pixels above it.")
    right: Margin = Field(default=0, description="Pixels to its right.")
    bottom: Margin = Field(default=0, description="Pixels below it.")

    @property
    def margins(self) -> Margins:
        """Raises InvalidRequest where there are none."""
        if not self.left + self.top + self.right + self.bottom:
            raise InvalidRequest("one of 'left', 'top', 'right' and 'bottom' must be more than 0", param="left")
        return Margins(self.left, self.top, self.right, self.bottom)


class UpscaleInput(ChildInput):
    """The picture larger. What is said of drawing it is for `creative` alone."""

    mode: Literal["subtle", "creative"] = Field(
        default="subtle",
        description="`subtle` keeps it as it is; `creative` draws details that were not there, by the model that drew "
        "it, tile by tile.",
    )
    scale: float = Field(default=2.0, gt=1, le=MOST_SCALE, description="How many times as wide and high.")
    model: ModelName | None = Field(
        default=None, description="Which upscaler, where it is `subtle`: the one that fits `scale` if unset."
    )
    strength: float | None = Field(default=None, gt=0, le=1, description="How much is drawn anew, if `creative`.")

    def changes(self) -> dict[str, Any]:
        """Parameters that it names. Raises InvalidRequest for a model where there is no choice."""
        if self.mode == "creative" and self.model is not None:
            raise InvalidRequest("'model' is for mode 'subtle': creative is the model that drew it", param="model")
        return super().changes() | ({} if self.strength is None else {"strength": self.strength})


class RemoveBackgroundInput(JobOptions):
    """Cut it out: there is little to say."""

    model: ModelName | None = Field(default=None, description="Which model, if not the first that does it.")


class DescribeInput(JobOptions):
    """Words for the picture."""

    model: ModelName | None = Field(default=None, description="Which model, if not the first that does it.")
    n: int = Field(default=4, ge=1, le=MAX_IMAGES, description="How many prompts.")
