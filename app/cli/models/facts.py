"""What is known of a model before it gets a row: told by its folder, or by the header of its file."""

from __future__ import annotations

from typing import Any

from pydantic import Field

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
    """`parameters` and `defaults` are those of the pipeline's call; the others are configurations of components."""

    pipeline: str
    family: str
    tasks: tuple[str, ...]
    parameters: tuple[str, ...] = ()
    defaults: dict[str, float] = Field(default={})
    index: dict[str, Any] = Field(default={})
    scheduler: dict[str, Any] = Field(default={})
    vae: dict[str, Any] = Field(default={})
    denoiser: dict[str, Any] = Field(default={})
    half_overflows: bool = False
    card: Card = Card()
    machine: Machine = Machine()

    @property
    def has_unet(self) -> bool:
        """Whether a UNet denoises."""
        return str(self.denoiser.get("_class_name", "")).startswith("UNet")
