"""What newcomers type in the place of a model is told for what it is."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from app.cli.client import AskedWrongly
from app.cli.models.sources import Source, source_of


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a person who downloaded this and that."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for folder in ("sdxl-base", "pack/inner", "part", "lora", "one", "two", "pickled", "empty"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("sdxl-base/model_index.json", "pack/inner/model_index.json", "part/config.json"):
        (tmp_path / name).write_text("{}")
    for name in ("one/a.safetensors", "two/a.safetensors", "two/b.safetensors", "pickled/a.ckpt", "notes.md"):
        (tmp_path / name).write_text("x")
    (tmp_path / "lora/adapter_config.json").write_text("{}")
    (tmp_path / "broken.safetensors").touch()
    with zipfile.ZipFile(tmp_path / "model.zip", "w"):
        pass
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("sdxl-base", "sdxl-base"),
        ("sdxl-base/", "sdxl-base"),
        ("~/sdxl-base", "sdxl-base"),
        ("./sdxl-base/model_index.json", "sdxl-base"),
        (" sdxl-base ", "sdxl-base"),
        ("one", "one/a.safetensors"),
        ("one/a.safetensors", "one/a.safetensors"),
    ],
)
def test_what_lies_here_is_found(home: Path, typed: str, found: str) -> None:
    assert source_of(typed) == Source(path=home / found)


@pytest.mark.parametrize(
    ("typed", "source"),
    [
        ("owner/name", Source(repo="owner/name")),
        ("owner/name@v1", Source(repo="owner/name", revision="v1")),
        ("https://huggingface.co/owner/name", Source(repo="owner/name")),
        ("https://huggingface.co/owner/name/", Source(repo="owner/name")),
        ("https://huggingface.co/owner/name/tree/main", Source(repo="owner/name")),
        ("https://huggingface.co/owner/name/tree/v2?x=1", Source(repo="owner/name", revision="v2")),
        (
            "https://huggingface.co/owner/name/resolve/main/in/a.safetensors",
            Source(repo="owner/name", file="in/a.safetensors"),
        ),
        ("owner/name/a.gguf", Source(repo="owner/name", file="a.gguf")),
    ],
)
def test_places_on_the_hub_are_found(home: Path, typed: str, source: Source) -> None:
    assert source_of(typed) == source


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "name a model"),
        ("./sdxl-bose", "did you mean"),
        ("/sdxl", "there is no folder or file /sdxl"),
        ("sdxl", "a hub id would be owner/name"),
        ("pack/innner", "did you mean"),
        ("pack", "is no model itself, but"),
        ("part", "is one component"),
        ("lora", "easel models add MODEL --lora"),
        ("two", "name one of them"),
        ("pickled", "is pickled"),
        ("pickled/a.ckpt", "runs whatever code is in it"),
        ("model.zip", "is an archive: unpack it"),
        ("notes.md", "is no model"),
        ("empty", "it has no model_index.json"),
        ("broken.safetensors", "is empty: its download broke off"),
        ("owner/missing.safetensors", "there is no folder or file"),
        ("https://civitai.com/models/1", "download the file with your browser"),
        ("https://huggingface.co/datasets/a/b", "is no page of a model"),
        ("https://huggingface.co/owner/name/blob/main/README.md", "name the model itself, owner/name"),
        ("own er/name", "is no hub id"),
    ],
)
def test_anything_else_is_told_with_what_would_be_right(home: Path, typed: str, said: str) -> None:
    with pytest.raises(AskedWrongly, match=said):
        source_of(typed)


def test_a_mirror_s_pages_are_the_hub_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example")
    assert source_of("https://mirror.example/owner/name") == Source(repo="owner/name")
