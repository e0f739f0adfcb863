"""The hub's cache is found where its library keeps it, and only what is whole counts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from core.catalog.hub_cache import HubFile, cache_folder, hub_file, repository_folder, snapshot_of

COMMIT = "a" * 40


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipeline of two components, one of them in two files."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    home = tmp_path / "models--me--tiny"
    folder = home / "snapshots" / COMMIT
    (home / "refs").mkdir(parents=True)
    (home / "refs/main").write_text(COMMIT)
    for part in ("unet", "scheduler"):
        (folder / part).mkdir(parents=True)
    (folder / "model_index.json").write_text(
        json.dumps({"_class_name": "X", "unet": ["a", "b"], "scheduler": ["a", "b"]})
    )
    (folder / "scheduler/scheduler_config.json").write_text("{}")
    (folder / "unet/config.json").write_text("{}")
    names = {"x": "m-1.safetensors", "y": "m-2.safetensors"}
    (folder / "unet/m.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    for name in names.values():
        (folder / "unet" / name).touch()
    return folder


def test_a_whole_pipeline_is_found_by_branch_and_by_commit(snapshot: Path) -> None:
    assert snapshot_of("me/tiny") == snapshot
    assert snapshot_of("me/tiny", COMMIT) == snapshot
    assert snapshot_of("me/tiny", "v2") is None
    assert snapshot_of("me/other") is None
    assert snapshot_of("/me/tiny/here") is None


@pytest.mark.parametrize(
    "gone", ["unet/m-2.safetensors", "unet", "model_index.json", "scheduler/scheduler_config.json"]
)
def test_half_of_one_is_none(snapshot: Path, gone: str) -> None:
    path = snapshot / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert snapshot_of("me/tiny") is None


def test_the_cache_is_where_the_library_s_variables_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert cache_folder() == Path("~/.cache/huggingface/hub").expanduser()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert repository_folder("a/b") == tmp_path / "huggingface/hub/models--a--b"
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home/hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("a/b/c.safetensors", HubFile("a/b", "c.safetensors")),
        ("a/b/c/d.safetensors@v2", HubFile("a/b", "c/d.safetensors", "v2")),
        ("a/b", None),
        ("a/b@v2", None),
        ("/a/b/c.safetensors", None),
        ("./a/b/c.safetensors", None),
        ("a/b/../c.safetensors", None),
    ],
)
def test_one_file_of_a_repository_is_named_by_its_path(source: str, named: HubFile | None) -> None:
    assert hub_file(source) == named
