"""What the ControlNet extension's clients say of a picture that guides, as one of our guides."""

from __future__ import annotations

from typing import Any, Final

from pydantic import AliasChoices, Field, ValidationError

from app.http.validation import as_body_error
from app.jobs.guides import WantedGuide
from app.jobs.sources import InlineFile, OpenFiles, decoded
from app.wires.a1111.fields import LooseInput
from core.catalog.adapter import FOR_CONTROL, MOST_CONTROLS, Preprocessor
from core.catalog.catalog import Catalog
from core.catalog.model import MOST_LORA_SCALE
from core.errors import InvalidRequest
from core.tasks import CONTROL, REFERENCE

SCRIPT: Final = "controlnet"
MOST_UNITS: Final = MOST_CONTROLS

MODULES: Final[dict[str, Preprocessor]] = {
    "none": "none",
    "canny": "canny",
    "invert": "invert",
    "invert (from white bg & black line)": "invert",
    "scribble_invert": "invert",
    "blur_gaussian": "blur",
    "tile_resample": "blur",
    "recolor_luminance": "gray",
}
"""The extension's preprocessors that we have, by its names; those before the last two are quite the same."""

LISTED: Final = ("none", "canny", "invert (from white bg & black line)", "blur_gaussian", "recolor_luminance")

BALANCED: Final = frozenset({"balanced", "0"})


class Unit(LooseInput):
    """One picture that guides. What is not said of it here is not known of it."""

    enabled: bool = True
    module: str = "none"
    model: str = "None"
    image: str | dict[str, Any] | None = Field(default=None, validation_alias=AliasChoices("image", "input_image"))
    weight: float = Field(default=1.0, ge=0, le=MOST_LORA_SCALE)
    guidance_start: float = Field(default=0.0, ge=0, le=1)
    guidance_end: float = Field(default=1.0, ge=0, le=1)
    threshold_a: float | None = None
    threshold_b: float | None = None
    control_mode: str | int = "Balanced"

    @property
    def thresholds(self) -> tuple[int, int] | None:
        """Of canny; None, or below 0, where they are left to us."""
        low, high = self.threshold_a, self.threshold_b
        return None if low is None or high is None or min(low, high) < 0 else (round(low), round(high))


def units_of(scripts: dict[str, Any]) -> list[Unit]:
    """Those of `alwayson_scripts` that are on. Raises InvalidRequest or RequestValidationError, naming the field."""
    named = next((value for name, value in scripts.items() if name.lower() == SCRIPT), None)
    args = named.get("args", []) if isinstance(named, dict) else []
    if not isinstance(args, list):
        raise InvalidRequest(f"'{_path()}' must be a list of units", param=_path())
    try:
        units = [Unit.model_validate(each) for each in args if isinstance(each, dict)]
    except ValidationError as error:
        raise as_body_error(error) from error
    return [unit for unit in units if unit.enabled and unit.model.lower() != "none"]


def guides_of(
    units: list[Unit], catalog: Catalog, opening: OpenFiles, instead: str | None
) -> tuple[list[WantedGuide], list[str]]:
    """The pictures that guide, and what is said of units that ask for what is not here.

    `instead` is the picture that is drawn over: a unit without one of its own takes that. Raises InvalidRequest.
    """
    guides, notes = [], []
    for place, unit in enumerate(units):
        param = f"{_path()}.{place}"
        adapter = unit.model.partition(" [")[0]
        known = next((row for row in catalog.adapters if row.id == adapter), None)
        picture = unit.image.get("image") if isinstance(unit.image, dict) else unit.image
        content = picture or instead
        if not isinstance(content, str):
            raise InvalidRequest(
                f"'{param}.image' is required: the picture that guides, in base64", param=f"{param}.image"
            )
        if str(unit.control_mode).lower() not in BALANCED:
            notes.append(f"control_mode '{str(unit.control_mode)[:40]}' is not had here: drawn balanced")
        is_control = known is None or known.kind in FOR_CONTROL
        guides.append(
            WantedGuide(
                role=(CONTROL if is_control else REFERENCE).name,
                opened=opening.open(InlineFile(decoded(content, f"{param}.image")), f"{param}.image"),
                param=f"{param}.model",
                adapter=adapter,
                weight=unit.weight,
                start=unit.guidance_start if is_control else 0.0,
                end=unit.guidance_end if is_control else 1.0,
                preprocessor=preprocessor_of(unit.module, f"{param}.module") if is_control else None,
                thresholds=unit.thresholds,
            )
        )
    return guides, notes


def preprocessor_of(module: str, param: str) -> Preprocessor:
    """Raises InvalidRequest for one that we have not."""
    found = MODULES.get(module.lower())
    if found is None:
        raise InvalidRequest(
            f"'{param}' '{module[:60]}' is not had here: send the finished picture with 'none', or one of "
            f"{', '.join(LISTED)}",
            param=param,
        )
    return found


def _path() -> str:
    return f"alwayson_scripts.{SCRIPT}.args"
