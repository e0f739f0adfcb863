"""Savers are on where asked for, and on `auto` only where memory is short."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline

from tests import tiny_models
from worker.pipelines import cgroups, memory
from worker.pipelines.devices import pick_dtype
from worker.pipelines.families import traits_of
from worker.pipelines.memory import (
    MemoryOptions,
    apply_savers,
    available_memory,
    decode_bytes,
    enable_attention_slicing,
    enable_vae_slicing,
    enable_vae_tiling,
    free_memory,
)

PIXELS = 64 * 64


@pytest.fixture
def pipeline() -> StableDiffusionPipeline:
    return tiny_models.sd15()


@pytest.mark.parametrize(
    ("room", "savers"),
    [
        (None, ()),
        (2.0, ()),
        (1.0, ("vae_slicing", "vae_tiling")),
        (0.1, ("vae_slicing", "vae_tiling", "attention_slicing")),
    ],
)
def test_auto_saves_only_where_memory_is_short(
    pipeline: StableDiffusionPipeline, room: float | None, savers: tuple[str, ...]
) -> None:
    free = None if room is None else int(room * decode_bytes(pipeline.vae, PIXELS))
    assert apply_savers(pipeline, MemoryOptions(), PIXELS, free) == savers
    assert pipeline.vae.use_tiling is ("vae_tiling" in savers)
    assert pipeline.vae.use_slicing is ("vae_slicing" in savers)


def test_on_and_off_are_obeyed_whatever_memory_says(pipeline: StableDiffusionPipeline) -> None:
    options = MemoryOptions(attention_slicing="on", vae_slicing="off", vae_tiling="off")
    assert apply_savers(pipeline, options, PIXELS, 0) == ("attention_slicing",)
    assert not pipeline.vae.use_tiling


def test_a_saver_is_switched_on_once(pipeline: StableDiffusionPipeline) -> None:
    for enable in (enable_vae_slicing, enable_vae_tiling, enable_attention_slicing):
        assert enable(pipeline)
        assert not enable(pipeline)


def test_a_transformer_has_no_attention_slicing() -> None:
    assert not enable_attention_slicing(tiny_models.sd3())


def test_the_estimate_for_a_large_picture_is_gigabytes() -> None:
    vae = tiny_models.vae(latent_channels=4).to(dtype=torch.float16)
    vae.register_to_config(block_out_channels=(128, 256, 512, 512))
    assert 3.0e9 < decode_bytes(vae, 1024 * 1024) < 3.5e9


def test_this_machine_has_memory() -> None:
    free = free_memory(torch.device("cpu"))
    assert free is None or free > 2**20


@pytest.mark.parametrize(("machine", "container", "free"), [(8, 2, 2), (2, 8, 2), (8, None, 8), (None, None, None)])
def test_the_tighter_of_machine_and_container_decides(
    monkeypatch: pytest.MonkeyPatch, machine: int | None, container: int | None, free: int | None
) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: machine)
    monkeypatch.setattr(cgroups, "memory_left", lambda: container)
    assert free_memory(torch.device("cpu")) == free


def test_available_memory_is_read_in_bytes(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    assert available_memory(meminfo) is None
    meminfo.write_text("MemTotal:  9 kB\nMemAvailable:  5 kB\n", encoding="ascii")
    assert available_memory(meminfo) == 5 * 1024


@pytest.mark.parametrize(
    ("device", "family", "precision", "dtype"),
    [
        ("cpu", "sd15", "auto", torch.float32),
        ("mps", "sdxl", "auto", torch.float32),
        ("cuda", "sd15", "auto", torch.float16),
        ("cuda", "sdxl", "auto", torch.float16),
        ("cuda", "nobody speaks of it", "auto", torch.float16),
        ("cpu", "flux", "bfloat16", torch.bfloat16),
        ("cuda", "sd15", "float32", torch.float32),
    ],
)
def test_the_precision_fits_device_and_family(device: str, family: str, precision: str, dtype: torch.dtype) -> None:
    overflows = traits_of(family).half_overflows
    assert pick_dtype(torch.device(device), precision, half_overflows=overflows) is dtype  # type: ignore[arg-type]


@pytest.mark.parametrize(("supported", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
@pytest.mark.parametrize("family", ["sd3", "flux"])
def test_families_that_overflow_in_half_get_bfloat16_or_float32(
    monkeypatch: pytest.MonkeyPatch, family: str, supported: bool, dtype: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: supported)
    overflows = traits_of(family).half_overflows
    assert pick_dtype(torch.device("cuda"), "auto", half_overflows=overflows) is dtype
