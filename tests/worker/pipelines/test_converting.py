"""A converted model is the same model as a folder, there whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from diffusers import DiffusionPipeline
from safetensors.torch import load_file

from core.catalog.catalog import Catalog
from core.catalog.model import Model
from core.errors import EaselError, JobFailure
from tests import original_layout as layout
from tests.tiny_models import build
from worker.convert import main
from worker.pipelines.converting import convert


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """A row `file`: a single file of the tiny Stable Diffusion, and the folder that it is configured by."""
    build("sd15", tmp_path / "sd15")
    stock = DiffusionPipeline.from_pretrained(tmp_path / "sd15")
    layout.write(layout.original_sd(stock), tmp_path / "model.safetensors")
    row = Model.model_validate({"id": "file", "source": "model.safetensors", "family": "sd15", "config": "sd15"})
    return Catalog(models=(row,), default="file", folder=tmp_path)


def test_a_converted_file_is_the_same_model_in_the_precision_asked_for(catalog: Catalog) -> None:
    folder = convert(catalog.models[0], catalog.local_path, catalog.folder / "made" / "fast", torch.bfloat16)
    made = DiffusionPipeline.from_pretrained(folder, dtype=torch.bfloat16, use_safetensors=True)
    stock = DiffusionPipeline.from_pretrained(catalog.folder / "sd15", dtype=torch.bfloat16)
    mine, theirs = layout.diffusers_layout(made), layout.diffusers_layout(stock)
    assert mine["unet.conv_in.weight"].dtype == torch.bfloat16
    assert all(torch.equal(mine[key], theirs[key]) for key in theirs)
    assert [each.name for each in folder.parent.iterdir()] == ["fast"]


def test_without_room_nothing_is_written(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1, 1, 0))
    with pytest.raises(JobFailure, match="no room"):
        convert(catalog.models[0], catalog.local_path, catalog.folder / "made" / "fast", torch.float32)
    assert list((catalog.folder / "made").iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(catalog: Catalog) -> None:
    with pytest.raises(EaselError, match="is there already"):
        convert(catalog.models[0], catalog.local_path, catalog.folder / "sd15", torch.float32)


def test_the_command_writes_the_folder_or_says_why_not(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = catalog.folder / "catalog.toml"
    file.write_text('[file]\nsource = "model.safetensors"\nfamily = "sd15"\nconfig = "sd15"\n')
    monkeypatch.setenv("EASEL_CATALOG", str(file))
    assert main(["file", str(catalog.folder / "fast")]) == 0
    assert (catalog.folder / "fast" / "model_index.json").is_file()
    assert main(["nobody", str(catalog.folder / "other")]) == 1
    assert "there is no model 'nobody'" in capsys.readouterr().err


def test_the_files_themselves_are_in_that_precision(catalog: Catalog) -> None:
    folder = convert(catalog.models[0], catalog.local_path, catalog.folder / "fast", torch.bfloat16)
    stored = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.bfloat16}
