"""Of a repository, what a pipeline loads is fetched, once, and nothing that could be code."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import pytest

from core.errors import InvalidRequest
from worker.inspection import hub
from worker.inspection.files import wanted_files

INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "unet": ["diffusers", "UNet2DConditionModel"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "safety_checker": [None, None],
}
SMALL = ["model_index.json", "unet/config.json", "text_encoder/config.json", "tokenizer/vocab.json"]
PLAIN = ["unet/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"]
HALF = ["unet/diffusion_pytorch_model.fp16.safetensors", "text_encoder/model.fp16.safetensors"]
NEVER = ["v1-5.ckpt", "v1-5.safetensors", "unet/x.bin", "unet/x.py", "safety_checker/model.safetensors", "a.jpg"]
NEVER += ["unet/diffusion_pytorch_model.non_ema.safetensors"]


def test_weights_come_once_in_the_precision_that_runs() -> None:
    files = [*SMALL, *PLAIN, *HALF, *NEVER]
    assert set(wanted_files(files, INDEX, half=False)) == {*SMALL, *PLAIN}
    assert set(wanted_files(files, INDEX, half=True)) == {*SMALL, *HALF}


def test_what_is_there_in_one_variant_only_comes_in_that() -> None:
    assert set(wanted_files([*SMALL, *HALF], INDEX, half=False)) == {*SMALL, *HALF}
    assert set(wanted_files([*SMALL, *PLAIN, HALF[0]], INDEX, half=True)) == {*SMALL, *PLAIN}


def test_split_weights_come_with_their_index() -> None:
    split = [f"unet/diffusion_pytorch_model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    split.append("unet/diffusion_pytorch_model.safetensors.index.json")
    other = ["unet/diffusion_pytorch_model.safetensors.index.fp16.json"]
    other += ["unet/diffusion_pytorch_model.fp16-00001-of-00002.safetensors"]
    found = wanted_files([*SMALL, PLAIN[1], *split, *other], INDEX, half=False)
    assert set(found) == {*SMALL, PLAIN[1], *split}


def test_for_a_file_only_configurations_and_what_it_lacks_come() -> None:
    found = wanted_files([*SMALL, *PLAIN, *NEVER], INDEX, half=False, parts=["text_encoder"])
    assert set(found) == {*SMALL, PLAIN[1]}


def test_pickles_alone_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="the weights of its unet are pickled"):
        wanted_files([*SMALL, "unet/diffusion_pytorch_model.bin", PLAIN[1]], INDEX, half=False)


def test_a_full_disk_is_told_before_the_download(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(hub.shutil, "disk_usage", lambda folder: usage(0, 0, 3 * hub.GIB))
    with pytest.raises(InvalidRequest, match=r"needs 7.0 GiB, and .* has 3.0 GiB free: .* set HF_HOME"):
        hub.check_disk("owner/name", {"a": 6 * hub.GIB, "b": hub.GIB}, None)
    hub.check_disk("owner/name", {"a": 2 * hub.GIB}, None)
