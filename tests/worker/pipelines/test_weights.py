"""Weights are safetensors by content, or the model is refused."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from core.errors import JobFailure
from worker.pipelines.weights import check_weights, is_safetensors

PICKLE = pickle.dumps({"weights": [1.0]})


def safetensors(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"weight": torch.zeros(2)}, path)
    return path


def other(path: Path, content: bytes = PICKLE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_folder_of_safetensors_is_accepted(tmp_path: Path) -> None:
    safetensors(tmp_path / "unet" / "diffusion_pytorch_model.safetensors")
    other(tmp_path / "tokenizer" / "vocab.json", b"{}")
    check_weights(tmp_path)


def test_other_weights_beside_safetensors_are_left_alone(tmp_path: Path) -> None:
    safetensors(tmp_path / "unet" / "diffusion_pytorch_model.safetensors")
    other(tmp_path / "unet" / "diffusion_pytorch_model.bin")
    check_weights(tmp_path)


def test_a_pickle_by_any_name_is_refused(tmp_path: Path) -> None:
    other(tmp_path / "unet" / "diffusion_pytorch_model.safetensors")
    with pytest.raises(JobFailure, match=r"unet/diffusion_pytorch_model\.safetensors.*not a safetensors") as failure:
        check_weights(tmp_path)
    assert failure.value.code == "model_load_failed"


def test_a_component_with_pickles_only_is_refused_with_the_way_out(tmp_path: Path) -> None:
    safetensors(tmp_path / "vae" / "diffusion_pytorch_model.safetensors")
    other(tmp_path / "unet" / "diffusion_pytorch_model.bin")
    with pytest.raises(JobFailure, match="safe_serialization=True"):
        check_weights(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        PICKLE,
        b"PK\x03\x04" + bytes(64),
        (10**12).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (7).to_bytes(8, "little") + b'{"a":1}',
        (4).to_bytes(8, "little") + b"\xff\xfe{}",
        (2**63).to_bytes(8, "little") + b"{}",
    ],
)
def test_what_is_not_a_header_is_not_safetensors(tmp_path: Path, content: bytes) -> None:
    assert not is_safetensors(other(tmp_path / "file.safetensors", content))


ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    ("tensors", "size"),
    [
        ({"w": {**ONE, "shape": [100], "data_offsets": [0, 400]}}, 4),
        ({"w": {**ONE, "shape": [100]}}, 4),
        ({"w": ONE}, 40),
        ({"a": ONE, "b": {**ONE, "data_offsets": [2, 6]}}, 6),
        ({"w": {**ONE, "data_offsets": [4, 0]}}, 4),
        ({"w": {**ONE, "shape": [-1]}}, 4),
        ({"w": {**ONE, "dtype": "PICKLE"}}, 4),
        ({"w": "cos\nsystem\n"}, 0),
    ],
    ids=["beyond its end", "a shape too large", "something hidden behind", "overlapping", "backwards", "negative",
         "no such type", "no tensor"],
)  # fmt: skip
def test_a_header_that_lies_is_none(tmp_path: Path, tensors: dict[str, object], size: int) -> None:
    header = json.dumps(tensors).encode()
    content = len(header).to_bytes(8, "little") + header + bytes(size)
    assert not is_safetensors(other(tmp_path / "file.safetensors", content))


@pytest.mark.parametrize("shard", ["weights.bin", "../weights.safetensors", "/tmp/weights.safetensors", ""])
def test_an_index_may_not_name_other_files(tmp_path: Path, shard: str) -> None:
    """Whoever loads a split model opens what its index names, a pickle as a pickle."""
    folder = tmp_path / "unet"
    safetensors(folder / "diffusion_pytorch_model-00001-of-00002.safetensors")
    other(folder / "weights.bin")
    shards = {"a": "diffusion_pytorch_model-00001-of-00002.safetensors", "b": shard}
    index = folder / "diffusion_pytorch_model.safetensors.index.json"
    other(index, json.dumps({"metadata": {}, "weight_map": shards}).encode())
    with pytest.raises(JobFailure, match=r"index\.json.*no safetensors file beside it") as failure:
        check_weights(tmp_path)
    assert failure.value.code == "model_load_failed"


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"weight_map": 3}', PICKLE])
def test_an_index_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    safetensors(tmp_path / "unet" / "model-00001-of-00001.safetensors")
    other(tmp_path / "unet" / "model.safetensors.index.json", content)
    with pytest.raises(JobFailure):
        check_weights(tmp_path)


def test_an_index_of_safetensors_is_accepted(tmp_path: Path) -> None:
    safetensors(tmp_path / "unet" / "model-00001-of-00001.safetensors")
    index = {"metadata": {}, "weight_map": {"w": "model-00001-of-00001.safetensors"}}
    other(tmp_path / "unet" / "model.safetensors.index.json", json.dumps(index).encode())
    check_weights(tmp_path)


def test_metadata_belongs_to_a_header(tmp_path: Path) -> None:
    header = json.dumps(
        {"__metadata__": {"format": "pt"}, "w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    ).encode()
    content = len(header).to_bytes(8, "little") + header + bytes(4)
    assert is_safetensors(other(tmp_path / "file.safetensors", content))


@pytest.mark.parametrize(
    "name",
    ["model.BIN", "model.SafeTensors", "model.pt2", "model.npz", "model.joblib", "model.Ckpt", "weights",
     "data.pkl.txt", "config.json", "README.md", "license", "model.gguf", "license.bin", "vocab.model", "x.unheard-of"],
)  # fmt: skip
@pytest.mark.parametrize("content", [PICKLE, b"PK\x03\x04" + bytes(64)], ids=["pickle", "zip"])
def test_what_is_not_known_is_refused_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    safetensors(tmp_path / "vae" / "diffusion_pytorch_model.safetensors")
    other(tmp_path / "unet" / name, content)
    with pytest.raises(JobFailure, match=f"unet/{name}"):
        check_weights(tmp_path)


def test_a_pickle_as_text_is_refused_where_its_name_says_nothing(tmp_path: Path) -> None:
    other(tmp_path / "unet" / "weights", pickle.dumps([1.0], protocol=0))
    with pytest.raises(JobFailure, match="unet/weights"):
        check_weights(tmp_path)


def test_what_lies_in_folders_from_the_hub_is_known(tmp_path: Path) -> None:
    safetensors(tmp_path / "unet" / "diffusion_pytorch_model.safetensors")
    for name in ("README.md", "LICENSE", ".gitattributes", "grid.png", "tokenizer/merges.txt", "tokenizer/spiece.model",
                 "run.py", "LICENSE.md", "tokenizer/chat_template.jinja", ".git/objects/00/0123"):  # fmt: skip
        other(tmp_path / name, b"harmless")
    check_weights(tmp_path)


def test_a_file_that_is_cut_short_is_said_to_be(tmp_path: Path) -> None:
    path = safetensors(tmp_path / "unet" / "diffusion_pytorch_model.safetensors")
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(JobFailure, match=f"cut short: {size - 3} of {size} bytes"):
        check_weights(tmp_path)
