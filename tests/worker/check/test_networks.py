"""What a check tells of models that draw nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from core.catalog.catalog import Catalog
from core.settings import Settings
from tests.network_files import write_networks
from worker.check.drawing import check_model
from worker.nets.compact import Compact

CPU = Settings(device="cpu")


@pytest.fixture
def networks(tmp_path: Path) -> Catalog:
    """One of each kind; up4 adds nothing to the nearest neighbours, so that what it makes is a larger picture."""
    catalog = write_networks(tmp_path)
    net = Compact(8, 2, 4)
    torch.nn.init.zeros_(net.body[-1].weight)
    torch.nn.init.zeros_(net.body[-1].bias)
    save_file(net.state_dict(), tmp_path / "up4.safetensors")
    return catalog


def test_an_upscaler_enlarges_a_picture(networks: Catalog, tmp_path: Path) -> None:
    told = check_model(networks, "up4", CPU, size=(40, 24), save=tmp_path / "large.png")

    assert (told["faults"], told["made"], told["size"]) == ([], "160x96 of 40x24", [160, 96])
    with Image.open(tmp_path / "large.png") as saved:
        assert saved.size == (160, 96)
    assert {"load_seconds", "step_seconds", "memory_bytes"} <= told.keys()


def test_one_whose_weights_are_broken_makes_another_picture(networks: Catalog, tmp_path: Path) -> None:
    net = Compact(8, 2, 4)
    torch.nn.init.zeros_(net.body[-1].weight)
    torch.nn.init.constant_(net.body[-1].bias, 0.5)
    save_file(net.state_dict(), tmp_path / "up4.safetensors")

    (fault,) = check_model(networks, "up4", CPU, size=None, save=None)["faults"]

    assert "it is another picture, not a larger one" in fault


def test_one_whose_row_says_another_scale_is_told(networks: Catalog) -> None:
    row = networks.model("up4").evolve(scale=2)
    written = networks.evolve(models=(row,), default=row.id)

    (fault,) = check_model(written, "up4", CPU, size=None, save=None)["faults"]

    assert "4 times as large, and the row of model 'up4' says scale = 2" in fault


def test_a_matte_has_transparency_and_jpeg_has_none(networks: Catalog, tmp_path: Path) -> None:
    told = check_model(networks, "matte", CPU, size=None, save=tmp_path / "cut.png")
    assert (told["faults"], told["made"]) == ([], "128x128 of 128x128")
    with Image.open(tmp_path / "cut.png") as saved:
        assert saved.mode == "RGBA"

    check_model(networks, "matte", CPU, size=None, save=tmp_path / "cut.jpg")
    with Image.open(tmp_path / "cut.jpg") as saved:
        assert saved.mode == "RGB"


def test_a_describer_has_words(networks: Catalog, tmp_path: Path) -> None:
    told = check_model(networks, "describer", CPU, size=None, save=tmp_path / "no.png")

    assert told["faults"] == []
    assert told["made"].startswith("words: ")
    assert not (tmp_path / "no.png").exists()
