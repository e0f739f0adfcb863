"""What requests say of the pictures that guide a model beside the words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from app.http.validation import StrictInput
from app.jobs.guides import WantedGuide
from app.jobs.picture_fields import Picture
from app.jobs.sources import OpenedFile, Source
from core.catalog.adapter import MOST_CONTROLS, MOST_REFERENCES, Preprocessor
from core.catalog.model import MOST_LORA_SCALE
from core.errors import InvalidRequest
from core.tasks import CONTROL, GUIDES

MOST_THRESHOLD: Final = 2000


def _numbers(value: object) -> object:
    """A form has them as text: `100,200`, or as JSON."""
    if isinstance(value, str) and re.fullmatch(r"\[?\s*\d{1,5}\s*,\s*\d{1,5}\s*\]?", value):
        return [int(each) for each in re.findall(r"\d+", value)]
    return value


Thresholds = Annotated[
    list[Annotated[int, Field(ge=0, le=MOST_THRESHOLD)]],
    Field(min_length=2, max_length=2, examples=[[100, 200]]),
    BeforeValidator(_numbers),
]
"""The lower and the upper one of the preprocessor `canny`."""


def param_of(role: str, place: int) -> str:
    """What a request calls a picture, by its place among those of the role."""
    return f"inputs.{role}.{place}.image" if role in {each.name for each in GUIDES} else f"inputs.{role}"


class GuideInput(StrictInput):
    """A picture that guides the model. It may come as a file of the form instead: those take the places left open."""

    image: Picture | None = Field(default=None, description="The picture.")
    adapter: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="An adapter that GET /v1/models has for the model. Unset: the only one of its kind that goes.",
    )

    def meant(self) -> dict[str, Any]:
        """What it says beside the picture, in the fields of `WantedGuide`."""
        return {"adapter": self.adapter}


class ControlInput(GuideInput):
    """What is to stand where: through a ControlNet or T2I-Adapter."""

    scale: float | None = Field(
        default=None, ge=0, le=MOST_LORA_SCALE, description="How strongly; the adapter's own if unset."
    )
    start: float = Field(default=0.0, ge=0, le=1, description="From which share of the denoising on.")
    end: float = Field(default=1.0, ge=0, le=1, description="Up to which.")
    mode: str | None = Field(
        default=None, max_length=32, description="The kind of control, of an adapter that does several."
    )
    preprocessor: Preprocessor | None = Field(
        default=None, description="What is made of the picture first; the adapter's own if unset."
    )
    thresholds: Thresholds | None = Field(
        default=None, description="Of `canny`: edges above the second, and above the first where they go on from such."
    )

    def meant(self) -> dict[str, Any]:
        return {
            **super().meant(),
            "weight": self.scale,
            "start": self.start,
            "end": self.end,
            "mode": self.mode,
            "preprocessor": self.preprocessor,
            "thresholds": tuple(self.thresholds) if self.thresholds else None,
        }


class ReferenceInput(GuideInput):
    """What to go by, a subject or a style: through an IP-Adapter, or by a model that reads pictures itself."""

    weight: float | None = Field(
        default=None, ge=0, le=MOST_LORA_SCALE, description="How strongly; the adapter's own if unset."
    )

    def meant(self) -> dict[str, Any]:
        return {**super().meant(), "weight": self.weight}


class GuidesInput(StrictInput):
    """The pictures that guide a model beside the words."""

    control: list[ControlInput] = Field(
        default=[], max_length=MOST_CONTROLS, description="What is to stand where: edges, depths, poses."
    )
    reference: list[ReferenceInput] = Field(
        default=[], max_length=MOST_REFERENCES, description="What to go by: a subject, a style."
    )

    def told(self) -> dict[str, Any]:
        """What is said of the guides, but for the pictures: with those, equal for equal requests."""
        pictures: dict[str, Any] = {role.name: {"__all__": {"image"}} for role in GUIDES}
        return self.model_dump(mode="json", include={*pictures}, exclude=pictures)

    def guide_sources(self, role: str, files: Sequence[Source]) -> list[Source]:
        """Where the pictures of `role` come from, in their order; those left open take the files that came along.

        Raises InvalidRequest where one is left without, or a file without a place.
        """
        left = iter(files)
        sources: list[Source] = []
        for place, each in enumerate(self._said(role)):
            source = each.image if each.image is not None else next(left, None)
            if source is None:
                param = param_of(role, place)
                raise InvalidRequest(f"'{param}' is required", code="missing_required_parameter", param=param)
            sources.append(source)
        return [*sources, *left]

    def wanted_guides(self, role: str, opened: Sequence[OpenedFile]) -> list[WantedGuide]:
        """What is said of each picture of `role`; of those beyond what was said of, nothing."""
        return [
            WantedGuide(role=role, opened=picture, param=f"inputs.{role}.{place}", **(each.meant() if each else {}))
            for place, (picture, each) in enumerate(zip_longest(opened, self._said(role)))
        ]

    def _said(self, role: str) -> Sequence[GuideInput]:
        return self.control if role == CONTROL.name else self.reference
