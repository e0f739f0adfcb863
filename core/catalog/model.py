"""What a model is: one row of the catalogue, with its limits and defaults."""

from __future__ import annotations

import math
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from core.catalog.families import NETWORKS, UNKNOWN, family_defaults
from core.errors import InvalidRequest
from core.record import StrictRecord
from core.schedulers import DIFFUSION_SCHEDULERS, FLOW_ONLY, FLOW_SCHEDULERS, NoiseSchedule, Scheduler, noise_schedules

MAX_IMAGES: Final = 10
MAX_STEPS: Final = 150

Precision = Literal["auto", "float16", "bfloat16", "float32"]
PromptSyntax = Literal["plain", "weighted"]
Backend = Literal["auto", "eager", "openvino"]


class SizeGrid(StrictRecord):
    """Width and height a model draws: between `minimum` and `maximum` pixels, in steps of `multiple`.

    `buckets` are the sizes, [width, height], that it was trained on, where they are known.
    """

    minimum: int = Field(default=256, ge=8)
    maximum: int = Field(default=2048, le=4096)
    multiple: int = Field(default=8, ge=1)
    width: int = 512
    height: int = 512
    buckets: tuple[tuple[int, int], ...] = ()

    @model_validator(mode="after")
    def _defaults_fit(self) -> Self:
        for name in ("width", "height"):
            if self.nearest(getattr(self, name)) != getattr(self, name):
                raise ValueError(f"the default {name} {getattr(self, name)} is off the model's own grid")
        for width, height in self.buckets:
            if (self.nearest(width), self.nearest(height)) != (width, height):
                raise ValueError(f"the bucket {width}x{height} is off the model's own grid")
        return self

    def nearest(self, pixels: int) -> int:
        """The size on the grid that is nearest to `pixels`."""
        low = -(-self.minimum // self.multiple) * self.multiple
        high = self.maximum // self.multiple * self.multiple
        return max(low, min(high, round(pixels / self.multiple) * self.multiple))

    def fitted(self, width: int, height: int) -> tuple[int, int]:
        """The nearest size on the grid; out of its bounds, the model's own number of pixels in the shape asked for.

        Where the sizes that it was trained on are known, the one whose shape is nearest.
        """
        if self.buckets:
            return min(self.buckets, key=lambda bucket: abs(math.log(bucket[0] * height / (bucket[1] * width))))
        low, high = self.nearest(0), self.nearest(1 << 20)
        if not (low <= min(width, height) and max(width, height) <= high):
            scale = math.sqrt(self.width * self.height / (width * height))
            width, height = round(width * scale), round(height * scale)
        return self.nearest(width), self.nearest(height)

    def shaped(self, ratio: float) -> tuple[int, int]:
        """The size of the model's own number of pixels whose width to height is nearest to `ratio`.

        That of a bucket, where the sizes that it was trained on are known. Off the ratio by a percent weighs as much
        as off the number of pixels by four.
        """
        low, high = self.nearest(0), self.nearest(1 << 20)
        sides = range(low, high + 1, self.multiple)
        offered = self.buckets or [(width, self.nearest(round(width / ratio))) for width in sides]

        def miss(size: tuple[int, int]) -> float:
            width, height = size
            shape = abs(math.log(width / height / ratio))
            return shape + abs(math.log(width * height / (self.width * self.height))) / 4

        return min(offered, key=miss)


StyleName = Annotated[str, Field(min_length=1, max_length=64)]
StyleTemplate = Annotated[str, Field(max_length=500, pattern=r"^[^{}]*\{prompt\}[^{}]*$")]
"""How to say a prompt so that the model draws it in a style, such as `a flat icon of {prompt}`."""


WORD: Final = r"^[^\s()\[\]:\\,]{1,64}$"
Word = Annotated[str, Field(pattern=WORD)]
"""What stands for a textual inversion in a prompt: one word, without what has a meaning in weighted prompts."""

MOST_LORA_SCALE: Final = 10.0
LoraScale = Annotated[float, Field(ge=-MOST_LORA_SCALE, le=MOST_LORA_SCALE)]
"""How strongly a LoRA changes the weights: 1 as it was trained, less for less, below 0 for the opposite."""

MOST_SCALE: Final = 8

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._ /:+-]{0,127}$")]
"""What clients may call a model: names that are built into them, with capitals and slashes."""


class Model(StrictRecord):
    """One row of the catalogue.

    `source` is a folder or a `.safetensors` or `.gguf` file (relative to the catalogue file, or absolute), or a hub id
    `owner/name`. A file has weights only: `config` is the folder or hub id whose configuration and tokenizers go with
    it. `vae` and `text_encoder` replace the component of that name, and are found as `source` is. `pipeline` is the
    class of diffusers that draws, where it is not the one that the source names.

    `arguments` are passed to the pipeline's call as they stand; `scheduler_config` over the scheduler's own
    configuration; `embeddings` are textual inversions, files by the word that stands for them in a prompt; `loras`
    belong to the model for good, each with how strongly: files, found as `source` is, or `owner/name/file` on the hub.
    With `prompt_syntax` `weighted`, `(word:1.3)` in a prompt is a weight. `aliases` are other names for the model.

    `prompt_tokens` are those of a prompt that are read at once, None where that is not known; with `prompt_chunks` a
    longer prompt is read in chunks of as many, and parts of it can be weighted: text encoders that are CLIP's alone.

    `max_work` bounds n x width x height x steps of a job, in pixel-steps; `reference_pixels` are what every given
    picture adds to each step of models that read pictures beside what they draw, `drawn` for as many as are drawn;
    `references` is how many pictures to go by such a model takes beside the first;
    `styles` are ways to put a prompt; `scale` is how many times as wide and high it makes pictures where
    one of its tasks is upscale.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    source: str = Field(min_length=1)
    revision: str | None = None
    family: str = Field(default=UNKNOWN, pattern=r"^[a-z0-9][a-z0-9._-]{0,31}$")
    pipeline: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_]{1,100}$")
    config: str | None = None
    vae: str | None = None
    text_encoder: str | None = None
    loras: dict[Annotated[str, Field(min_length=1)], LoraScale] = Field(default={})
    description: str = ""
    license: str = ""
    aliases: tuple[Name, ...] = ()
    tasks: tuple[str, ...] = ("text-to-image",)
    queue: str = Field(default="default", pattern=r"^[a-z0-9_-]{1,32}$")
    dtype: Precision | None = None
    backend: Backend | None = None
    size: SizeGrid = SizeGrid()
    num_inference_steps: int = Field(default=25, ge=1, le=MAX_STEPS)
    max_steps: int = Field(default=MAX_STEPS, ge=1, le=MAX_STEPS)
    guidance_scale: float = Field(default=5.0, ge=0, le=50)
    scheduler: Scheduler = Scheduler.OWN
    schedulers: tuple[Scheduler, ...] = ()
    scheduler_config: dict[str, Any] = Field(default={})
    arguments: dict[str, Any] = Field(default={})
    negative_prompt: bool = True
    prompt_syntax: PromptSyntax = "plain"
    prompt_tokens: int | None = Field(default=None, ge=1)
    prompt_chunks: bool = False
    embeddings: dict[Word, str] = Field(default={})
    max_images: int = Field(default=MAX_IMAGES, ge=1, le=MAX_IMAGES)
    max_work: int = Field(default=4 * 2**20 * 100, ge=1)
    reference_pixels: Annotated[int, Field(ge=0)] | Literal["drawn"] = 0
    references: int = Field(default=0, ge=0, le=16)
    styles: dict[StyleName, StyleTemplate] = Field(default={}, max_length=64)
    scale: int | None = Field(default=None, ge=1, le=MOST_SCALE)

    @model_validator(mode="before")
    @classmethod
    def _fitting_schedulers(cls, row: dict[str, object]) -> dict[str, object]:
        """What else fits a model is told by its default; of its own scheduler nothing is known."""
        default = row.get("scheduler", Scheduler.OWN)
        usual = family_defaults(str(row.get("family", UNKNOWN))).get("scheduler")
        fitting: tuple[Scheduler, ...] = ()
        if default in FLOW_ONLY or (default in FLOW_SCHEDULERS and usual in FLOW_ONLY):
            fitting = FLOW_SCHEDULERS
        elif default in DIFFUSION_SCHEDULERS:
            fitting = DIFFUSION_SCHEDULERS
        return {"schedulers": (*fitting, Scheduler.OWN), **row}

    @model_validator(mode="after")
    def _default_scheduler_fits(self) -> Self:
        if self.scheduler not in self.schedulers:
            raise ValueError(f"the default scheduler {self.scheduler} is not among the model's schedulers")
        return self

    @model_validator(mode="after")
    def _upscalers_say_by_how_much(self) -> Self:
        if ("upscale" in self.tasks) != (self.scale is not None):
            raise ValueError("scale belongs to the rows that have the task upscale, and to each of them")
        return self

    @property
    def draws(self) -> bool:
        """Whether it is a diffusion model, and no network that only looks at pictures or changes them."""
        return self.family not in NETWORKS

    @property
    def is_small(self) -> bool:
        """Whether it is so small that no other model has to leave for it: a network that writes no text."""
        return not self.draws and self.family != "captioner"

    @property
    def takes_weights(self) -> bool:
        """Whether parts of its prompts can be weighted."""
        return self.prompt_chunks or self.prompt_syntax == "weighted"

    @property
    def noise_schedules(self) -> dict[Scheduler, tuple[NoiseSchedule, ...]]:
        """Those that it takes with each of its samplers."""
        return {scheduler: noise_schedules(scheduler, self.schedulers) for scheduler in self.schedulers}

    def pixels_read(self, drawn: int, pictures: int) -> int:
        """What `pictures` given ones add to each step of a picture of `drawn` pixels, in pixels."""
        return pictures * (drawn if self.reference_pixels == "drawn" else self.reference_pixels)

    def in_style(self, prompt: str, style: str | None) -> str:
        """What to ask the model for. Raises InvalidRequest for a style that it does not have."""
        if style is None:
            return prompt
        if style not in self.styles:
            known = f"it has {', '.join(self.styles)}" if self.styles else "it has none"
            raise InvalidRequest(f"style '{style[:64]}' is none of model '{self.id}': {known}", param="style")
        return self.styles[style].replace("{prompt}", prompt)
