"""What the ControlNet extension's clients say of a picture that guides, as one of our guides."""

from __future__ import annotations

from typing import Any, Final

from pydantic import AliasChoices, Field, ValidationError

from app.jobs.guide_fields import MOST_THRESHOLD
from app.jobs.guides import WantedGuide
from app.jobs.sources import InlineFile, OpenFiles, decoded
from app.wires.a1111.fields import LooseInput
from core.catalog.adapter import FOR_CONTROL, MOST_CONTROLS, AdapterRow, Preprocessor
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

PATH: Final = f"alwayson_scripts.{SCRIPT}.args"

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
    union_control_type: str = ""

    @property
    def thresholds(self) -> tuple[int, int] | None:
        """Of canny; None, or below 0, where they are left to us."""
        low, high = self.threshold_a, self.threshold_b
        if low is None or high is None or min(low, high) < 0:
            return None
        return min(MOST_THRESHOLD, round(low)), min(MOST_THRESHOLD, round(high))


def units_of(scripts: dict[str, Any]) -> tuple[list[tuple[str, Unit]], list[str]]:
    """Those of `alwayson_scripts` that are on, each by its path, and what is said of the others.

    Raises InvalidRequest or RequestValidationError, naming the field.
    """
    named = next((value for name, value in scripts.items() if name.lower() == SCRIPT), None)
    args = named.get("args", []) if isinstance(named, dict) else named or []
    if not isinstance(args, list):
        raise InvalidRequest(f"'{PATH}' must be a list of units", param=PATH)
    units, notes = [], []
    for place, each in enumerate(args):
        path = f"{PATH}.{place}"
        if not isinstance(each, dict):
            continue  # older clients send settings of the script itself
        try:
            unit = Unit.model_validate(each)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join([path, *(str(part) for part in first["loc"])])
            raise InvalidRequest(f"'{field}': {first['msg']}", param=field) from error
        if unit.enabled and unit.model.lower() != "none":
            units.append((path, unit))
        elif unit.enabled and unit.module.lower() != "none":
            notes.append(
                f"the ControlNet unit {place} names no model, and is let go: '{unit.module[:40]}' needs one here"
            )
    if len(units) > MOST_UNITS:
        raise InvalidRequest(f"'{PATH}' has {len(units)} units that are on, and {MOST_UNITS} may be", param=PATH)
    return units, notes


def guides_of(
    units: list[tuple[str, Unit]], catalog: Catalog, opening: OpenFiles, instead: str | None
) -> tuple[list[WantedGuide], list[str]]:
    """The pictures that guide, and what is said of units that ask for what is not here.

    `instead` is the picture that is drawn over: a unit without one of its own takes that. Raises InvalidRequest.
    """
    guides, notes = [], []
    for path, unit in units:
        adapter = unit.model.partition(" [")[0]
        row = next((each for each in catalog.adapters if each.id == adapter), None)
        picture = unit.image.get("image") if isinstance(unit.image, dict) else unit.image
        content = picture or instead
        if not isinstance(content, str):
            raise InvalidRequest(
                f"'{path}.image' is required: the picture that guides, in base64", param=f"{path}.image"
            )
        if str(unit.control_mode).lower() not in BALANCED:
            notes.append(f"control_mode '{str(unit.control_mode)[:40]}' is not had here: drawn balanced")
        is_control = row is None or row.kind in FOR_CONTROL
        guides.append(
            WantedGuide(
                role=(CONTROL if is_control else REFERENCE).name,
                opened=opening.open(InlineFile(decoded(content, f"{path}.image")), f"{path}.image"),
                param=f"{path}.model",
                adapter=adapter,
                weight=unit.weight,
                start=unit.guidance_start if is_control else 0.0,
                end=unit.guidance_end if is_control else 1.0,
                mode=mode_of(unit, row),
                preprocessor=preprocessor_of(unit.module, f"{path}.module") if is_control else None,
                thresholds=unit.thresholds,
            )
        )
    return guides, notes


def mode_of(unit: Unit, row: AdapterRow | None) -> str | None:
    """The kind of control of a unit whose adapter does several: as it says, else as its preprocessor is called."""
    modes = row.modes if row is not None else {}
    said = (unit.union_control_type, unit.module)
    words = [word.lower().removeprefix("open") for text in said if text for word in text.replace("_", " ").split()]
    return next((mode for word in words for mode in modes if word == mode), None)


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
