"""The stock pipeline as people put it behind a server of their own: what the peers of `benchmarks.peers` draw with.

Takes the schedulers by Easel's names, so that all draw the same; knows no server. Runs in the peers' own environments,
whose diffusers may be an older one: of Easel it takes the schedulers only.
"""

from __future__ import annotations

import base64
import io
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from core.schedulers import Scheduler
from worker.pipelines.schedulers import build_scheduler

SETTINGS: Final = ("num_inference_steps", "guidance_scale", "scheduler")
SIDE: Final = 256
"""Pixels of all pictures."""


def stock_pipeline(folder: str) -> Any:  # noqa: ANN401 - diffusers' own
    """The pipeline in `folder` as diffusers loads it, in float32."""
    return StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32)


class Painter:
    """A pipeline that has the stock one's call; all pictures of a call have equal settings."""

    def __init__(self, pipeline: Any) -> None:  # noqa: ANN401
        self._pipeline = pipeline
        self._pipeline.set_progress_bar_config(disable=True)
        self._config = self._pipeline.scheduler.config

    def draw(self, bodies: Sequence[dict[str, Any]]) -> list[str]:
        """PNG files in base64, in order."""
        first = bodies[0]
        steps = first["num_inference_steps"]
        self._pipeline.scheduler = build_scheduler(Scheduler(first["scheduler"]), self._config, steps)
        images = self._pipeline(
            [body["prompt"] for body in bodies],
            width=SIDE,
            height=SIDE,
            num_inference_steps=steps,
            guidance_scale=first["guidance_scale"],
            generator=[torch.Generator().manual_seed(body["seed"]) for body in bodies],
        ).images
        return [as_png(image) for image in images]

    def draw_unlike(self, bodies: Sequence[dict[str, Any]]) -> list[str]:
        """What has equal settings together."""
        groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for place, body in enumerate(bodies):
            groups[tuple(body[name] for name in SETTINGS)].append(place)
        files = [""] * len(bodies)
        for places in groups.values():
            for place, file in zip(places, self.draw([bodies[place] for place in places]), strict=True):
                files[place] = file
        return files


def as_png(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
