"""What AUTOMATIC1111's clients send for hires fix: a picture drawn small, enlarged, and drawn over."""

from __future__ import annotations

from typing import Final

from pydantic import Field, model_validator

from app.wires.a1111.fields import WEAKEST, TextToImage
from core.catalog.model import MOST_SCALE
from core.tasks.diffusion import MAX_GUIDANCE, MAX_PIXELS_A_SIDE
from core.tasks.text import Text

DENOISING: Final = "denoising_strength"


class HiresTextToImage(TextToImage):
    """POST txt2img. What is said of hires fix counts only where it is enabled: these clients always send all of it."""

    enable_hr: bool = False
    denoising_strength: float = Field(default=0.75, ge=0, le=1)
    hr_scale: float = Field(default=2.0, ge=1, le=MOST_SCALE)
    hr_upscaler: str = "Latent"
    hr_second_pass_steps: int = Field(default=0, ge=0)
    hr_resize_x: int = Field(default=0, ge=0, le=MAX_PIXELS_A_SIDE)
    hr_resize_y: int = Field(default=0, ge=0, le=MAX_PIXELS_A_SIDE)
    hr_checkpoint_name: str | None = None
    hr_sampler_name: str | None = None
    hr_scheduler: str | None = None
    hr_prompt: Text = ""
    hr_negative_prompt: Text = ""
    hr_cfg: float | None = Field(default=None, ge=0, le=MAX_GUIDANCE)

    @model_validator(mode="before")
    @classmethod
    def _without_what_is_off(cls, document: object) -> object:
        if not isinstance(document, dict) or document.get("enable_hr"):
            return document
        return {
            name: value for name, value in document.items() if name != DENOISING and not str(name).startswith("hr_")
        }

    def target(self, width: int, height: int) -> tuple[int, int]:
        """The size in the end of a picture drawn in `width` x `height`; one side alone is the other's, in its shape."""
        wide, high = self.hr_resize_x, self.hr_resize_y
        if not wide and not high:
            return round(width * self.hr_scale), round(height * self.hr_scale)
        return wide or max(1, round(high * width / height)), high or max(1, round(wide * height / width))


class SecondPass(TextToImage):
    """The same call with what its second pass is told."""

    denoising_strength: float

    @property
    def share(self) -> float:
        """How much of the enlarged picture is drawn anew."""
        return max(WEAKEST, self.denoising_strength)
