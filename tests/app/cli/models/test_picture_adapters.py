"""ControlNets and their kin are told from a folder's configuration or a file's shapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.cli.client import AskedWrongly
from app.cli.models.adapters import find_adapter, is_adapter
from tests.weight_files import safetensors_of


def folder_of(folder: Path, **config: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    ("config", "row"),
    [
        (
            {"_class_name": "ControlNetModel", "cross_attention_dim": 768},
            {"kind": "controlnet", "family": "sd15", "preprocessor": "canny"},
        ),
        (
            {"_class_name": "ControlNetUnionModel", "cross_attention_dim": 2048, "num_control_type": 6},
            {
                "kind": "controlnet",
                "family": "sdxl",
                "preprocessor": "canny",
                "modes": {"pose": 0, "depth": 1, "scribble": 2, "canny": 3, "normal": 4, "segment": 5},
            },
        ),
        (
            {"_class_name": "FluxControlNetModel", "num_mode": 2},
            {"kind": "controlnet", "family": "flux", "preprocessor": "canny", "modes": {"canny": 0, "tile": 1}},
        ),
        ({"_class_name": "T2IAdapter", "adapter_type": "full_adapter_xl"}, {"kind": "t2i-adapter", "family": "sdxl"}),
    ],
)
def test_a_folder_is_told_by_its_configuration(tmp_path: Path, config: dict[str, Any], row: dict[str, Any]) -> None:
    folder = folder_of(tmp_path / "net-canny", **config)
    assert is_adapter(str(folder))
    found = find_adapter(str(folder), None, None, (), replace=False)
    assert found.adapter_id == "net-canny"
    assert found.row == {**row, "source": str(folder)}


def test_a_file_is_told_by_its_shapes(tmp_path: Path) -> None:
    net = safetensors_of(
        tmp_path / "scribble.safetensors",
        {
            "control_model.input_hint_block.0.weight": (16, 3, 3, 3),
            "control_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (320, 768),
        },
    )
    ip = safetensors_of(
        tmp_path / "ip.safetensors",
        {"image_proj.proj.weight": (8192, 1024), "ip_adapter.1.to_k_ip.weight": (640, 2048)},
    )
    row = find_adapter(f"{net}:0.5", None, "scribble", (), replace=False).row
    assert row == {"kind": "controlnet", "source": str(net), "family": "sd15", "weight": 0.5}
    found = find_adapter(str(ip), None, None, (), replace=False)
    assert (found.row["kind"], found.row["family"]) == ("ip-adapter", "sdxl")
    assert any("image_encoder" in note for note in found.notes)


def test_what_tells_no_family_needs_its_models(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "odd", _class_name="HunyuanDiT2DControlNetModel")
    with pytest.raises(AskedWrongly, match="--for MODEL"):
        find_adapter(str(folder), None, None, (), replace=False)
    assert find_adapter(str(folder), None, None, ("mini",), replace=False).row["models"] == ["mini"]


def test_a_model_s_folder_is_no_adapter(tmp_path: Path) -> None:
    assert not is_adapter(str(folder_of(tmp_path / "unet", _class_name="UNet2DConditionModel")))
