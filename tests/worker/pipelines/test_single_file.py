"""A single file draws as the folder of the same model does, in either layout, and its faults are said in words."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from core.catalog.catalog import Catalog
from core.catalog.model import Model
from core.errors import JobFailure
from tests import original_layout as layout
from tests.tiny_models import FAMILIES, build
from worker.pipelines.loading import load
from worker.pipelines.memory import MemoryOptions

ORIGINAL: dict[str, Callable[[Any], layout.Tensors]] = {
    "sd15": layout.original_sd,
    "sdxl": layout.original_sdxl,
    "sd3": layout.original_sd3,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model of each family as a folder, and under `config` the same without weights."""
    root = tmp_path_factory.mktemp("models")
    for family in FAMILIES:
        build(family, root / family)
        shutil.copytree(root / family, root / "config" / family, ignore=shutil.ignore_patterns("*.safetensors"))
    return root


def opened(folders: Path, source: str, family: str, **fields: Any) -> Any:
    row = Model.model_validate({"id": "file", "source": source, "family": family, **fields})
    catalog = Catalog(models=(row,), default="file", folder=folders)
    return load(row, catalog.local_path, torch.device("cpu"), MemoryOptions(), allow_downloads=False).pipeline


def refused(folders: Path, source: str, family: str, **fields: Any) -> str:
    with pytest.raises(JobFailure) as failure:
        opened(folders, source, family, **fields)
    assert failure.value.code == "model_load_failed"
    return str(failure.value)


def weights(pipeline: Any) -> dict[str, torch.Tensor]:
    return layout.diffusers_layout(pipeline)


def drawn(pipeline: Any) -> torch.Tensor:
    noise = torch.Generator().manual_seed(3)
    call = {"num_inference_steps": 2, "height": 64, "width": 64, "output_type": "pt", "generator": noise}
    picture: torch.Tensor = pipeline(prompt="a tree", **call).images
    return picture


def same(one: Any, other: Any) -> None:
    mine, theirs = weights(one), weights(other)
    assert mine.keys() == theirs.keys()
    assert [key for key in mine if not torch.equal(mine[key], theirs[key])] == []
    assert (drawn(one) - drawn(other)).abs().max() <= 1e-5


@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_with_diffusers_own_keys_is_the_folder_s_model(folders: Path, family: str) -> None:
    # Given
    stock = opened(folders, family, family)
    layout.write(layout.diffusers_layout(stock), folders / f"{family}-own.safetensors")
    # When
    single = opened(folders, f"{family}-own.safetensors", family, config=f"config/{family}")
    # Then
    same(single, stock)


@pytest.mark.parametrize("family", ORIGINAL)
def test_a_file_in_the_original_layout_is_the_folder_s_model(folders: Path, family: str) -> None:
    # Given
    stock = opened(folders, family, family)
    layout.write(ORIGINAL[family](stock), folders / f"{family}-original.safetensors")
    # When
    single = opened(folders, f"{family}-original.safetensors", family, config=f"config/{family}")
    # Then
    same(single, stock)
