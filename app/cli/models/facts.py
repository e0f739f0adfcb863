"""What is known of a model before it gets a row: told by its folder, or by the header of its file."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from core.catalog.few_steps import Configuration
from core.record import Record


class Card(Record):
    """What its model card says."""

    license: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()


class Machine(Record):
    """The device that would draw; `total` and `free` are bytes of its memory, None where they cannot be told."""

    device: str = "cpu"
    name: str = "the CPU"
    total: int | None = None
    free: int | None = None


class Facts(Record):
    """`parameters` and `defaults` are those of the pipeline's call; the others are configurations of components.

    `scheduler_is_own` is false where the scheduler came from another model's folder, as a single file's does.
    """

    pipeline: str
    family: str
    tasks: tuple[str, ...]
    parameters: tuple[str, ...] = ()
    defaults: dict[str, float] = Field(default={})
    index: dict[str, Any] = Field(default={})
    scheduler: dict[str, Any] = Field(default={})
    scheduler_is_own: bool = True
    vae: dict[str, Any] = Field(default={})
    denoiser: dict[str, Any] = Field(default={})
    half_overflows: bool = False
    card: Card = Card()
    machine: Machine = Machine()

    @property
    def has_unet(self) -> bool:
        """Whether a UNet denoises."""
        return str(self.denoiser.get("_class_name", "")).startswith("UNet")

    @property
    def is_of_noise_levels(self) -> bool:
        """Whether it was trained on noise levels, as UNets are, and not along a flow."""
        return self.has_unet and "FlowMatch" not in str(self.scheduler.get("_class_name", ""))

    @property
    def configuration(self) -> Configuration:
        """What of it tells of few steps."""
        return Configuration(
            pipeline=self.pipeline,
            family=self.family,
            scheduler=str(self.scheduler.get("_class_name")),
            is_distilled=self.index.get("is_distilled"),
            guidance_embeds=self.denoiser.get("guidance_embeds"),
            time_cond_proj_dim=self.denoiser.get("time_cond_proj_dim"),
        )
