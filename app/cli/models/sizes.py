"""The sizes that a model draws, told from its configuration: the one it was trained for, the grid and the bounds."""

from __future__ import annotations

from typing import Any, Final

from app.cli.models.facts import Facts

SDXL_BUCKETS: Final = (
    (1024, 1024),
    (1152, 896),
    (896, 1152),
    (1216, 832),
    (832, 1216),
    (1344, 768),
    (768, 1344),
    (1536, 640),
    (640, 1536),
)
"""Of the sizes that SDXL was trained on (Podell et al. 2023, arXiv:2307.01952, appendix I), those of usual shapes."""

KANDINSKY_5_BUCKETS: Final = (
    (1024, 1024),
    (640, 1408),
    (1408, 640),
    (768, 1280),
    (1280, 768),
    (896, 1152),
    (1152, 896),
)
"""The only sizes that Kandinsky5T2IPipeline draws (`resolutions` in diffusers)."""

TRAINED_AT: Final = {"auraflow": 1024, "kandinsky5": 1024, "hunyuan-image": 2048, "flux": 1024, "flux2": 1024}
"""Pixels a side, of families whose configuration does not say it, or says it in units of its own."""

SMALLEST: Final = {"flux": 256, "flux2": 256, "qwen-image": 256, "z-image": 256}
"""Pixels a side; what is not named draws well down to half of what it was trained at."""

UNKNOWN_SIZE: Final = 1024
LARGEST: Final = 4096
WIDE_LATENTS: Final = 16
"""Autoencoders that shrink a side this much or more leave nothing for the denoiser to put together."""


def size_of(facts: Facts, asked: tuple[int, int] | None = None) -> dict[str, Any]:
    """The row's `size`; `asked` are width and height that a person wants by default."""
    multiple = multiple_of(facts)
    native = trained_at(facts, multiple)
    width, height = (on_grid(side, multiple) for side in asked or (native, native))
    low, high = SMALLEST.get(facts.family, native // 2), min(LARGEST, native * 2)
    buckets: tuple[tuple[int, int], ...] = ()
    if facts.family == "sdxl" and native == 1024:
        buckets, high = SDXL_BUCKETS, 1536
    elif facts.family == "kandinsky5":
        buckets, high = KANDINSKY_5_BUCKETS, 1408
    size: dict[str, Any] = {
        "minimum": min(on_grid(low, multiple), width, height),
        "maximum": max(high // multiple * multiple, width, height),
        "multiple": multiple,
        "width": width,
        "height": height,
    }
    return {**size, "buckets": [list(each) for each in buckets]} if buckets else size


def trained_at(facts: Facts, multiple: int) -> int:
    """Pixels a side: `sample_size` latents, each of which is `vae_scale` pixels."""
    if facts.family in TRAINED_AT and not isinstance(facts.denoiser.get("sample_size"), int):
        return TRAINED_AT[facts.family]
    if facts.family in ("auraflow", "kandinsky5", "hunyuan-image"):
        return TRAINED_AT[facts.family]
    sample = facts.denoiser.get("sample_size")
    if isinstance(sample, list) and sample:
        sample = max(sample)
    if isinstance(sample, int) and sample > 0:
        return on_grid(min(LARGEST, sample * vae_scale(facts.vae)), multiple)
    return on_grid(int(facts.defaults.get("height", UNKNOWN_SIZE)), multiple)


def multiple_of(facts: Facts) -> int:
    """What sides have to be divisible by: the autoencoder's shrinking, times what a transformer puts together."""
    scale = vae_scale(facts.vae)
    if facts.has_unet or scale >= WIDE_LATENTS:
        return scale * (1 if facts.has_unet else patch_of(facts.denoiser))
    return scale * max(2, patch_of(facts.denoiser))


def patch_of(denoiser: dict[str, Any]) -> int:
    """Latents a side that a transformer takes as one token."""
    patch = denoiser.get("patch_size", 1)
    if isinstance(patch, list):
        patch = max((each for each in patch if isinstance(each, int)), default=1)
    return patch if isinstance(patch, int) and patch > 0 else 1


def vae_scale(vae: dict[str, Any]) -> int:
    """Pixels a side of one latent, as diffusers' pipelines work it out (their `vae_scale_factor`)."""
    for name in ("scale_factor_spatial", "spatial_compression_ratio", "spatial_compression_factor"):
        if isinstance(vae.get(name), int):
            return int(vae[name])
    if isinstance(vae.get("temperal_downsample"), list):
        return 1 << len(vae["temperal_downsample"])
    for name in ("block_out_channels", "encoder_block_out_channels", "down_block_types"):
        if isinstance(vae.get(name), list) and vae[name]:
            return 1 << (len(vae[name]) - 1)
    return 8


def on_grid(pixels: int, multiple: int) -> int:
    """The multiple that is nearest to `pixels`, and one at least."""
    return max(1, round(pixels / multiple)) * multiple
