"""The upscalers that this wire's clients may name, and how often one has to be used to make a picture as large."""

from __future__ import annotations

from typing import Any, Final

from app.jobs.request import JobRequest
from app.jobs.sources import OpenedFile
from core.catalog.catalog import Catalog
from core.catalog.model import Model
from core.errors import InvalidRequest
from core.tasks.upscale import enlarged

NONE: Final = "None"
LANCZOS: Final = "Lanczos"
"""Done by the process that reads pictures, without a job."""

LATENT_MODES: Final = (
    "Latent",
    "Latent (antialiased)",
    "Latent (bicubic)",
    "Latent (bicubic antialiased)",
    "Latent (nearest)",
    "Latent (nearest-exact)",
)
"""What hires fix may be told besides: here the picture is enlarged, not its latents, which leaves it sharper."""

MOST_TIMES: Final = 3
"""As often as AUTOMATIC1111 lets an upscaler enlarge what it has enlarged; the rest is resized."""

ALMOST: Final = 1.001


def upscalers_of(catalog: Catalog) -> tuple[Model, ...]:
    """The rows that make pictures larger."""
    return tuple(model for model in catalog.models if model.scale is not None and model.scale > 1)


def upscaler_named(name: str, param: str, catalog: Catalog) -> Model | None:
    """The row of that id or alias; None for Lanczos. Raises InvalidRequest for any other, with those there are."""
    if name.casefold() == LANCZOS.casefold():
        return None
    rows = upscalers_of(catalog)
    found = next((row for row in rows if name == row.id or name in row.aliases), None)
    if found is None:
        there = ", ".join(f"'{each}'" for each in (NONE, LANCZOS, *(row.id for row in rows)))
        raise InvalidRequest(f"{param} '{name[:64]}' is no upscaler of this server: there are {there}", param=param)
    return found


def scales_to(row: Model, size: tuple[int, int], target: tuple[int, int]) -> list[float]:
    """By how much `row` enlarges a picture of `size`, time after time, until it is no smaller than `target`."""
    scales: list[float] = []
    for _ in range(MOST_TIMES):
        needed = max(target[0] / size[0], target[1] / size[1])
        if needed < ALMOST:
            break
        most = float(row.scale or 1)
        scales.append(most if row.draws else min(most, needed))
        size = enlarged(*size, scales[-1])
    return scales


def upscaling(row: Model, scale: float, picture: OpenedFile) -> JobRequest:
    """The job that makes `picture` larger by `row`."""
    return JobRequest(
        task="upscale",
        model=row.id,
        parameters={"scale": scale},
        inputs={"image": [picture]},
        fingerprint=row.id,
    )


def listed(catalog: Catalog) -> list[dict[str, Any]]:
    """Those of the catalogue, and the two that are no models."""
    plain: list[dict[str, Any]] = [
        {"name": name, "model_name": None, "model_path": None, "model_url": None, "scale": scale}
        for name, scale in ((NONE, 1.0), (LANCZOS, 4.0))
    ]
    rows = [
        {
            "name": row.id,
            "model_name": row.id,
            "model_path": row.source,
            "model_url": None,
            "scale": float(row.scale or 1),
        }
        for row in upscalers_of(catalog)
    ]
    return [*plain, *rows]
