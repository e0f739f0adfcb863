"""What every task that denoises a picture is told: words, size, steps, guidance and sampler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field

from core.catalog.model import MAX_STEPS, Model, PromptSyntax
from core.errors import InvalidRequest
from core.media import Facts
from core.schedulers import FROM_NOISE_ONLY, NoiseSchedule, Scheduler
from core.tasks.task import Lane, Parameters
from core.tasks.text import Text

MAX_PIXELS_A_SIDE: Final = 4096
MAX_GUIDANCE: Final = 50
MOST_CHAOS: Final = 100
MOST_WEIRD: Final = 3000

Pixels = Annotated[int, Field(ge=8, le=MAX_PIXELS_A_SIDE)]


class DiffusionParameters(Parameters):
    """Sizes are pixels; `guidance_scale` is that of classifier-free guidance (Ho and Salimans, arXiv:2207.12598)."""

    cost_terms: ClassVar[str] = "width x height x num_inference_steps"
    unsaid: ClassVar[frozenset[str]] = frozenset({"tiling", "chaos", "weird"})

    prompt: Text = Field(description="What to draw.", examples=["a red apple"])
    negative_prompt: Text = Field(default="", description="What to keep out.", examples=["blurry"])
    width: Pixels = Field(description="Pixels, on the model's grid.")
    height: Pixels = Field(description="Pixels, on the model's grid.")
    num_inference_steps: int = Field(ge=1, le=MAX_STEPS, description="More is slower and finer.")
    guidance_scale: float = Field(ge=0, le=MAX_GUIDANCE, description="How closely to follow the prompt.")
    scheduler: Annotated[Scheduler, Field(strict=False)] = Field(description="A sampler that the model takes.")
    prompt_syntax: PromptSyntax | None = Field(
        default=None, description="With `weighted`, `(word:1.3)` in a prompt is a weight; the model's own by default."
    )
    noise_schedule: Annotated[NoiseSchedule, Field(strict=False)] = Field(
        default=NoiseSchedule.AUTOMATIC, description="How the noise falls; one that the sampler takes on the model."
    )
    tiling: bool = Field(default=False, description="Whether copies laid side by side join without a seam.")
    chaos: int = Field(default=0, ge=0, le=MOST_CHAOS, description="How far apart the pictures of one job are.")
    weird: int = Field(default=0, ge=0, le=MOST_WEIRD, description="How far from the usual all of them are.")

    @classmethod
    def defaults(cls, model: Model, inputs: Mapping[str, Sequence[Facts]]) -> dict[str, Any]:
        """The model's own; the size is that of the first picture, as near as the model draws, where there is one."""
        width, height = model.size.width, model.size.height
        picture = next((facts[0] for facts in inputs.values() if facts), None)
        if picture is not None:
            width, height = model.size.fitted(int(picture["width"]), int(picture["height"]))
        return {
            "width": width,
            "height": height,
            "num_inference_steps": model.num_inference_steps,
            "guidance_scale": model.guidance_scale,
            "scheduler": model.scheduler,
            "prompt_syntax": model.prompt_syntax,
        }

    def check(self, model: Model) -> None:
        """Raise InvalidRequest for a size off the grid, too many steps, a sampler or negative prompt it cannot take."""
        for name, pixels in (("width", self.width), ("height", self.height)):
            grid, nearest = model.size, model.size.nearest(pixels)
            if nearest != pixels:
                raise InvalidRequest(
                    f"{name} {pixels} does not fit model '{model.id}': it takes {grid.minimum} to {grid.maximum} "
                    f"in steps of {grid.multiple}; {nearest} would fit",
                    param=name,
                )
        if self.num_inference_steps > model.max_steps:
            raise InvalidRequest(
                f"num_inference_steps {self.num_inference_steps} is over the {model.max_steps} of model '{model.id}'",
                param="num_inference_steps",
            )
        if self.scheduler not in model.schedulers:
            raise InvalidRequest(
                f"scheduler '{self.scheduler}' does not fit model '{model.id}': it takes {', '.join(model.schedulers)}",
                param="scheduler",
            )
        if self.scheduler in FROM_NOISE_ONLY and getattr(self, "strength", 1.0) < 1:
            others = ", ".join(each for each in model.schedulers if each not in FROM_NOISE_ONLY)
            raise InvalidRequest(
                f"scheduler '{self.scheduler}' starts from pure noise, and strength is below 1: take one of {others}",
                param="scheduler",
            )
        taken = model.noise_schedules[self.scheduler]
        if self.noise_schedule not in taken:
            raise InvalidRequest(
                f"noise_schedule '{self.noise_schedule}' does not fit scheduler '{self.scheduler}' on model "
                f"'{model.id}': it takes {', '.join(taken)}",
                param="noise_schedule",
            )
        if self.negative_prompt and not model.negative_prompt:
            raise InvalidRequest(f"model '{model.id}' takes no negative_prompt", param="negative_prompt")
        if self.prompt_syntax == "weighted" and not model.takes_weights:
            raise InvalidRequest(
                f"prompt_syntax 'weighted' does not fit model '{model.id}', whose prompts take no weights",
                param="prompt_syntax",
            )

    @property
    def lane(self) -> Lane:
        """Width and height."""
        return (self.width, self.height)

    @property
    def row_cost(self) -> int:
        """Pixels."""
        return self.width * self.height

    @property
    def steps(self) -> int:
        """Denoising steps."""
        return self.num_inference_steps

    @property
    def output_size(self) -> tuple[int, int] | None:
        """Those that were asked for."""
        return (self.width, self.height)

    @property
    def input_size(self) -> tuple[int, int] | None:
        """That of the picture that is drawn."""
        return (self.width, self.height)
