"""Shows unfinished latents cheaply: a linear map to colours, a small JPEG."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from PIL import Image

VIDEO_VAES: Final = frozenset({"AutoencoderKLQwenImage", "AutoencoderKLWan", "AutoencoderKLHunyuanVideo"})
"""Autoencoders of videos that models of pictures use: a picture is one frame, [rows, channels, 1, height, width]."""

FIT_CELLS: Final = 8
FIT_CELL_PIXELS: Final = 32
LONGEST_SIDE: Final = 256
QUALITY: Final = 70


@dataclass(frozen=True, eq=False)
class ColourMap:
    """Latents to colours, per latent pixel: `weights` is [channels + 1, 3], the last row the constant."""

    weights: torch.Tensor
    spread: float

    @property
    def channels(self) -> int:
        """Of the latents that it maps."""
        return len(self.weights) - 1

    def jpeg(self, latents: torch.Tensor) -> bytes:
        """The first of `latents` [rows, channels, height, width] as a JPEG of at most 256 pixels a side.

        What is foreseen early may be larger than any picture's latents: it is scaled to what the map knows.
        """
        # NumPy, since other threads than the engine's paint: torch would give each of them an OpenMP team of its own,
        # and with more of those threads than cores libgomp lets none spin, the engine's neither.
        grid = latents[0].detach().to("cpu", torch.float32).numpy()
        grid = grid / max(1.0, float(grid.std()) / self.spread)
        channels, height, width = grid.shape
        weights = self.weights.numpy()
        colours = grid.reshape(channels, -1).T @ weights[:-1] + weights[-1]
        shades = np.nan_to_num((colours + 1) * 127.5, nan=127.5).clip(0, 255)
        pixels = shades.astype(np.uint8).reshape(height, width, 3)
        scale = LONGEST_SIDE / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        file = io.BytesIO()
        picture = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR)
        picture.save(file, "JPEG", quality=QUALITY)
        return file.getvalue()


def fit_colour_map(vae: Any) -> ColourMap:  # noqa: ANN401 - any diffusers autoencoder
    """Fit the map to the model's own autoencoder, by least squares over one picture of coloured squares.

    One small encode; no constants to look up, so it works for every family.
    """
    generator = torch.Generator("cpu").manual_seed(0)
    cells = torch.rand(1, 3, FIT_CELLS, FIT_CELLS, generator=generator) * 2 - 1
    picture = cells.repeat_interleave(FIT_CELL_PIXELS, dim=2).repeat_interleave(FIT_CELL_PIXELS, dim=3)
    weight = next(vae.parameters())
    latents = pipeline_latents(vae, picture.to(weight.device, weight.dtype)).to("cpu", torch.float32)
    colours = torch.nn.functional.interpolate(picture, size=latents.shape[-2:], mode="area")
    flat = latents[0].flatten(1).T
    design = torch.cat([flat, torch.ones(len(flat), 1)], dim=1)
    weights = torch.linalg.lstsq(design, colours[0].flatten(1).T).solution
    return ColourMap(weights, max(float(latents.std()), 1e-6))


def pipeline_latents(vae: Any, picture: torch.Tensor) -> torch.Tensor:  # noqa: ANN401
    """Latents [1, channels, height, width] of `picture` as pipelines carry them: shifted and scaled."""
    frames = type(vae).__name__ in VIDEO_VAES
    encoded = vae.encode(picture.unsqueeze(2) if frames else picture)
    found = next((getattr(encoded, name) for name in ("latents", "latent") if hasattr(encoded, name)), None)
    latents: torch.Tensor = encoded.latent_dist.mode() if found is None else found
    config = vae.config
    if getattr(config, "latents_mean", None) and getattr(config, "latents_std", None):
        mean, spread = (
            torch.tensor(told, dtype=latents.dtype, device=latents.device).view(1, -1, *[1] * (latents.ndim - 2))
            for told in (config.latents_mean, config.latents_std)
        )
        latents = (latents - mean) / spread
    else:
        shift = getattr(config, "shift_factor", None) or 0.0
        latents = (latents - shift) * config.scaling_factor
    return latents.squeeze(2) if frames else latents
