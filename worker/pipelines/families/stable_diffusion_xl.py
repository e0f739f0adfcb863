"""Stable Diffusion XL: its autoencoder overflows in float16."""

from __future__ import annotations

from typing import Any, Final

import torch

from worker.pipelines.traits import Traits


def keep_vae_wide(pipeline: Any) -> None:  # noqa: ANN401 - any diffusers pipeline
    """Hold an autoencoder that overflows in half precision in float32 for good.

    The stock pipelines move it to float32 and back around every call; with two requests under way one would move it
    under the other.
    """
    vae = pipeline.vae
    if vae.config.get("force_upcast"):
        if vae.dtype == torch.float16:
            vae.to(dtype=torch.float32)
        vae.register_to_config(force_upcast=False)


TRAITS: Final = Traits(families=frozenset({"sdxl"}), after_load=(keep_vae_wide,))
