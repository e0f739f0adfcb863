"""How a request becomes a call of the Stable Diffusion 3 pipelines. Knows no other family.

It differs from its elders in one thing: image-to-image takes width and height, and without them draws at a size of
its own.
"""

from __future__ import annotations

from typing import Any

from worker.contract import DrawRequest
from worker.pipelines.families import stable_diffusion
from worker.pipelines.families.stable_diffusion import TASKS, latent_grid

__all__ = ["TASKS", "call_arguments", "latent_grid"]


def call_arguments(request: DrawRequest) -> dict[str, Any]:
    """The keyword arguments of the pipeline's call, without seed, callback and output type."""
    return stable_diffusion.call_arguments(request) | {"width": request.width, "height": request.height}
