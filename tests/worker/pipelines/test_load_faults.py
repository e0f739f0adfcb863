"""What a failed load says to the owner of the machine."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError

from core.catalog.catalog import Catalog
from core.catalog.checkpoint import CheckpointError
from core.catalog.model import Model
from core.errors import JobFailure
from tests.tiny_models import build
from worker.pipelines.load_faults import reason_of
from worker.pipelines.loading import load
from worker.pipelines.memory import MemoryOptions

ROW = Model(id="model", source="owner/name", family="sd15")


def test_known_faults_are_said_in_words() -> None:
    assert reason_of(CheckpointError("the file is a LoRA"), ROW) == "the file is a LoRA"
    assert reason_of(torch.OutOfMemoryError("CUDA out of memory"), ROW).startswith("out of memory")
    assert "it needs torchvision" in reason_of(ModuleNotFoundError("No module", name="torchvision.ops"), ROW)
    assert "it needs torchvision" in reason_of(ImportError("X requires the torchvision library but"), ROW)
    assert "'owner/name' is no folder or file here" in reason_of(LocalEntryNotFoundError("not cached"), ROW)


def test_the_cause_within_is_what_is_said() -> None:
    outer = OSError("we could not load it")
    outer.__cause__ = LocalEntryNotFoundError("not cached")
    assert "hub's cache" in reason_of(outer, ROW)


def test_an_unknown_fault_keeps_its_words_and_points_to_the_log() -> None:
    assert reason_of(KeyError("unet"), ROW) == "KeyError: 'unet'; the worker's log says more"


class Bomb:
    """A pickle that writes a file when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return (Path.touch, (self.mark,))


def load_folder(folder: Path) -> None:
    row = Model(id="model", source="model", family="sd15")
    catalog = Catalog(models=(row,), default="model", folder=folder)
    load(row, catalog.local_path, torch.device("cpu"), MemoryOptions(), allow_downloads=False)


@pytest.mark.parametrize("component", ["unet", "text_encoder"])
def test_a_pickle_beside_other_safetensors_is_never_opened(tmp_path: Path, component: str) -> None:
    """Weights under a name that nothing looks for do not make a loader take the pickle."""
    folder = build("sd15", tmp_path / "model") / component
    weights = next(folder.glob("*.safetensors"))
    weights.rename(folder / "other.safetensors")
    for name in ("diffusion_pytorch_model.bin", "pytorch_model.bin", "model.bin"):
        (folder / name).write_bytes(pickle.dumps(Bomb(tmp_path / "opened")))
    with pytest.raises(JobFailure) as failure:
        load_folder(tmp_path)
    assert failure.value.code == "model_load_failed"
    assert not (tmp_path / "opened").exists()


def test_code_in_a_model_s_folder_never_runs(tmp_path: Path) -> None:
    folder = build("sd15", tmp_path / "model")
    (folder / "unet" / "own.py").write_text(f"open({str(tmp_path / 'opened')!r}, 'w')\nclass Own: pass\n")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, "unet": ["own", "Own"]}))
    with pytest.raises(JobFailure):
        load_folder(tmp_path)
    assert not (tmp_path / "opened").exists()
