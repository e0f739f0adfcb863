"""A large picture drawn over tile by tile, each by the stock pipeline, and joined where the tiles overlap."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from core.jobs import MAX_SEED, Stage
from core.tasks import task_named
from core.tasks.creative_upscale import OVERLAP, starts
from core.tasks.upscale import enlarged
from worker.contract import DrawRequest
from worker.pipelines.call import PipelineCall, Stepped
from worker.pipelines.loaded_model import LoadedModel

SMALL_RADIUS: Final = 2

FINER: Final = 32
"""Light and colours are what is coarser than this part of a tile's side."""


class TiledCall:
    """One request's calls, one for each tile: see `PipelineCall`, whose place it takes."""

    works = Stage.DENOISE
    repeats = True

    def __init__(self, model: LoadedModel, request: DrawRequest) -> None:
        self._model = model
        self._request = request
        first = PipelineCall(model, self._tile_request(0))
        self.pipeline: Any = first.pipeline
        self.modules = first.modules
        self.notes = first.notes

    def foreseen(self, latents: torch.Tensor) -> torch.Tensor | None:
        """A tile is no preview of the picture."""
        return None

    def run(self, stepped: Stepped) -> torch.Tensor:
        """The picture as uint8 [height, width, 3]. Raises what the call of a tile raises."""
        told, given = self._request.parameters, self._request.inputs["image"][0]
        wanted = enlarged(*given.size, float(getattr(told, "scale", 1.0)))
        width, height = int(getattr(told, "width", 0)), int(getattr(told, "height", 0))
        # What is smaller than a tile is drawn as large as one.
        large = given.resize((max(wanted[0], width), max(wanted[1], height)), Image.Resampling.LANCZOS)
        spots = [(top, left) for top in starts(large.height, height) for left in starts(large.width, width)]
        drawn = torch.zeros(large.height, large.width, 3)
        weight = torch.zeros(large.height, large.width, 1)
        window = fading(height)[:, None, None] * fading(width)[None, :, None]
        for number, (top, left) in enumerate(spots):
            tile = large.crop((left, top, left + width, top + height))
            call = PipelineCall(self._model, self._tile_request(number, tile))

            def ended(step: int, steps: int, latents: torch.Tensor | None, number: int = number) -> None:
                stepped(number * steps + step, len(spots) * steps, None)

            made = call.run(ended)
            self.notes += [note for note in call.notes if note not in self.notes]
            box = (slice(top, top + height), slice(left, left + width))
            drawn[box] += made.float() * window
            weight[box] += window
        joined = with_light_of(large, (drawn / weight).permute(2, 0, 1)[None], min(width, height) // FINER)
        pixels = joined[0].permute(1, 2, 0).round_().clamp_(0, 255).to(torch.uint8)
        if large.size == wanted:
            return pixels
        return torch.from_numpy(np.array(Image.fromarray(pixels.numpy()).resize(wanted, Image.Resampling.LANCZOS)))

    def _tile_request(self, number: int, tile: Image.Image | None = None) -> DrawRequest:
        """That of one tile, with noise of its own: the same in all of them shows."""
        request = self._request
        (each,) = task_named(request.task).builds_on
        kind = task_named(each).parameters
        told = request.parameters.model_dump(exclude={"scale", "tiling"})
        inner = request.request.evolve(task=each, parameters=kind.model_validate(told, strict=False))
        seed = (request.seed + number) % (MAX_SEED + 1)
        given = {} if tile is None else {**request.inputs, "image": (tile,)}
        return DrawRequest(request=inner, seed=seed, inputs=given)


def with_light_of(large: Image.Image, drawn: torch.Tensor, radius: int) -> torch.Tensor:
    """The details of `drawn`, [1, 3, height, width], on the light and colours of `large`, coarser than `radius`.

    As StableSR keeps the colours of tiles together (Wang et al. 2023, arXiv:2305.07015), by box filters.
    """
    given = torch.from_numpy(np.array(large)).float().permute(2, 0, 1)[None]
    size = drawn.shape[-2:]
    # In small, where the filter is a few pixels wide: its time would grow with the square of the radius.
    small = [max(1, -(-side * SMALL_RADIUS // radius)) for side in size] if radius > SMALL_RADIUS else [*size]
    apart = functional.interpolate(given - drawn, small, mode="area")
    for _ in range(3):  # three means come close to a bell
        apart = functional.avg_pool2d(apart, 2 * SMALL_RADIUS + 1, 1, SMALL_RADIUS, count_include_pad=False)
    return drawn + functional.interpolate(apart, size, mode="bilinear")


def fading(length: int) -> torch.Tensor:
    """Weights along a tile, 1 inside, and falling to almost 0 over the part that it shares with the next."""
    shared = max(1, length // OVERLAP)
    ramp = torch.from_numpy(np.minimum(np.arange(1, length + 1), np.arange(length, 0, -1))).float()
    return (ramp / (shared + 1)).clamp(max=1.0)
