"""What AUTOMATIC1111's clients send, as far as it means something here; the rest is let go."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.catalog.model import MAX_IMAGES
from core.tasks.diffusion import MAX_GUIDANCE, MAX_PIXELS_A_SIDE
from core.tasks.text import Text

WEAKEST: Final = 0.01


class LooseInput(BaseModel):
    """These clients send dozens of fields, null where they have nothing to say: strictness would lock them all out."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _without_null(cls, document: object) -> object:
        if isinstance(document, dict):
            return {name: value for name, value in document.items() if value is not None}
        return document


class TextToImage(LooseInput):
    """POST txt2img."""

    prompt: Text = ""
    negative_prompt: Text = ""
    width: int = Field(default=512, ge=1, le=MAX_PIXELS_A_SIDE)
    height: int = Field(default=512, ge=1, le=MAX_PIXELS_A_SIDE)
    steps: int | None = Field(default=None, ge=1)
    cfg_scale: float | None = Field(default=None, ge=0, le=MAX_GUIDANCE)
    seed: int = Field(default=-1, ge=-1)
    batch_size: int = Field(default=1, ge=1, le=MAX_IMAGES)
    n_iter: int = Field(default=1, ge=1, le=MAX_IMAGES)
    sampler_name: str | None = None
    sampler_index: str | None = None
    scheduler: str | None = None
    override_settings: dict[str, Any] = {}
    alwayson_scripts: dict[str, Any] = {}
    tiling: bool = False
    send_images: bool = True

    @property
    def checkpoint(self) -> str | None:
        """The model that this one request names."""
        named = self.override_settings.get("sd_model_checkpoint")
        return named if isinstance(named, str) and named else None

    @property
    def share(self) -> float:
        """How much of what it starts from is drawn anew."""
        return 1.0


class ImageToImage(TextToImage):
    """POST img2img."""

    init_images: list[str] = Field(min_length=1, max_length=1)
    mask: str | None = None
    inpainting_mask_invert: int = 0
    denoising_strength: float = Field(default=0.75, ge=0, le=1)

    @property
    def share(self) -> float:
        """Nothing at all is no drawing: as little as can be."""
        return max(WEAKEST, self.denoising_strength)


class Options(LooseInput):
    """POST options: the one that we have."""

    sd_model_checkpoint: str | None = Field(default=None, max_length=64)
