"""`/controlnet`: what the clients of AUTOMATIC1111's ControlNet extension ask, and its preprocessors."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Annotated, Any, Final

from anyio import to_thread
from fastapi import APIRouter
from pydantic import AliasChoices, Field

from app.auth.access import needs
from app.http.json_bodies import PictureRoute
from app.jobs.sources import InlineFile, decoded
from app.media.conversion import Prepared
from app.services import AllowedAdapters, Owner, Services, ServicesOf
from app.wires.a1111.control_units import LISTED, MOST_UNITS, preprocessor_of
from app.wires.a1111.fields import LooseInput
from app.wires.a1111.listings import chosen
from core.catalog.adapter import FOR_CONTROL, FOR_REFERENCES
from core.keys import Scope
from core.tasks.diffusion import MAX_PIXELS_A_SIDE

router = APIRouter(
    prefix="/controlnet",
    route_class=PictureRoute,
    include_in_schema=False,
    dependencies=[needs(Scope.READ, basic=True)],
)

VERSION: Final = 2
"""Of the extension's API that this is like."""

TYPES: Final = {"Canny": "canny", "Tile": "blur_gaussian", "Recolor": "recolor_luminance", "Scribble": LISTED[2]}
"""The extension's kinds of control, and the preprocessor that goes with each."""


class Detection(LooseInput):
    """POST detect: pictures, and what is to be made of them."""

    controlnet_module: str = "none"
    controlnet_input_images: list[str] = Field(
        min_length=1,
        max_length=MOST_UNITS,
        validation_alias=AliasChoices("controlnet_input_images", "controlnet_images"),  # `webuiapi` sends the latter
    )
    controlnet_processor_res: int = Field(default=0, ge=-1, le=MAX_PIXELS_A_SIDE)
    controlnet_threshold_a: Annotated[float, Field(ge=-1, le=2000)] = -1
    controlnet_threshold_b: Annotated[float, Field(ge=-1, le=2000)] = -1


@router.get("/version")
def get_version() -> dict[str, int]:
    """That of the extension's API."""
    return {"version": VERSION}


@router.get("/settings")
def get_settings() -> dict[str, int]:
    """How many pictures may guide."""
    return {"control_net_unit_count": MOST_UNITS}


@router.get("/model_list")
def list_models(services: ServicesOf, owner: Owner, allowed: AllowedAdapters) -> dict[str, list[str]]:
    """The adapters that a picture is given to, of the chosen model."""
    return {"model_list": _models(services, owner, allowed)}


@router.get("/module_list")
def list_modules() -> dict[str, Any]:
    """The preprocessors."""
    sliders = [{"name": "Low threshold", "value": 100, "min": 1, "max": 255}]
    sliders.append({"name": "High threshold", "value": 200, "min": 1, "max": 255})
    detail = {name: {"model_free": False, "sliders": sliders if name == "canny" else []} for name in LISTED}
    return {"module_list": list(LISTED), "module_detail": detail}


@router.get("/control_types")
def list_types(services: ServicesOf, owner: Owner, allowed: AllowedAdapters) -> dict[str, Any]:
    """Kinds of control, each with what goes with it."""
    models = ["None", *_models(services, owner, allowed)]
    kinds: dict[str, Any] = {"All": _kind(list(LISTED), models, "none")}
    for name, module in TYPES.items():
        fitting = [each for each in models[1:] if name.lower() in each.lower()]
        kinds[name] = _kind(["none", module], ["None", *fitting], module, (fitting or ["None"])[0])
    return {"control_types": kinds}


@router.post("/detect", dependencies=[needs(Scope.GENERATE, metered=True, basic=True)])
async def detect(body: Detection, services: ServicesOf, owner: Owner) -> dict[str, Any]:
    """What a preprocessor makes of pictures."""
    kind = preprocessor_of(body.controlnet_module, "controlnet_module")
    given = (body.controlnet_threshold_a, body.controlnet_threshold_b)
    how = Prepared(kind, *(round(each) for each in given if min(given) >= 0))

    def made() -> list[str]:
        with services.sources.opening(owner) as opening:
            pictures = []
            for place, text in enumerate(body.controlnet_input_images):
                param = f"controlnet_input_images.{place}"
                opened = opening.open(InlineFile(decoded(text, param)), param)
                size = _size(opened.picture.width, opened.picture.height, body.controlnet_processor_res)
                pictures.append(base64.b64encode(opened.as_png("RGB", size, how)).decode())
            return pictures

    images = await to_thread.run_sync(made, limiter=services.decoder_limiter)
    return {"images": images, "info": "Success"}


def _size(width: int, height: int, shorter: int) -> tuple[int, int]:
    """With the shorter side as asked for, in the shape that it has; as it is where nothing is asked for."""
    if shorter <= 0:
        return width, height
    scale = shorter / min(width, height)
    return min(MAX_PIXELS_A_SIDE, round(width * scale)), min(MAX_PIXELS_A_SIDE, round(height * scale))


def _models(services: Services, owner: str, allowed: Callable[[str], bool]) -> list[str]:
    model = services.catalog.model(chosen(services, owner))
    return [row.id for row in services.catalog.adapters_of(model, FOR_CONTROL | FOR_REFERENCES) if allowed(row.id)]


def _kind(modules: list[str], models: list[str], module: str, model: str = "None") -> dict[str, Any]:
    return {"module_list": modules, "model_list": models, "default_option": module, "default_model": model}
