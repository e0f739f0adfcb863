"""`easel models` with networks, which draw nothing: added by their header, listed and checked as what they are."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import Result

from app.cli.checks.single_files import file_finding
from core.catalog.catalog import Catalog
from core.settings import Settings
from tests.app.cli.conftest import CATALOG, Easel
from tests.network_files import write_networks
from tests.weight_files import safetensors_of


@pytest.fixture
def nets(tmp_path: Path) -> Path:
    """A folder with a file of each kind."""
    folder = tmp_path / "nets"
    folder.mkdir()
    write_networks(folder)
    return folder


def added(easel_models: Easel, file: Path, *words: str) -> Result:
    return easel_models("add", file, "--yes", *words)


def test_an_upscaler_is_added_listed_shown_and_checked(easel_models: Easel, nets: Path, catalog: Path) -> None:
    # When a file is added
    done = added(easel_models, nets / "up4.safetensors", "--alias", "R-ESRGAN 4x+")
    assert done.exit_code == 0, done.output
    # Then its row says what it is, and nothing of drawing
    source = str(nets / "up4.safetensors")
    assert tomllib.loads(catalog.read_text())["up4"] == {
        "source": source,
        "family": "upscaler",
        "scale": 4,
        "aliases": ["R-ESRGAN 4x+"],
    }
    # and it is listed as such, for people too
    (row,) = [each for each in json.loads(easel_models("list", "--json").output) if each["id"] == "up4"]
    assert (row["tasks"], row["scale"]) == (["upscale"], 4)
    assert "upscale, 4 times" in easel_models("list").output
    told = json.loads(easel_models("show", "up4", "--json").output)
    assert (told["problem"], told["differences"]) == (None, [])
    # and requests that name no model do not get it, nor is it all that is left
    refused = easel_models("set-default", "up4")
    assert (refused.exit_code, "draws nothing" in refused.output) == (2, True)
    assert "nothing to convert" in easel_models("convert", "up4", nets / "folder").output
    assert easel_models("remove", "up4", "--yes").exit_code == 0
    assert catalog.read_text() == CATALOG


@pytest.mark.slow
def test_it_is_checked_by_having_it_work(easel_models: Easel, nets: Path) -> None:
    assert added(easel_models, nets / "matte.safetensors").exit_code == 0

    checked = easel_models("check", "matte")

    assert checked.exit_code == 0, checked.output
    assert "it works" in checked.output
    assert "128x128 of 128x128" in checked.output


@pytest.mark.parametrize("name", ["matte", "describer"])
def test_others_are_added_by_their_kind(easel_models: Easel, nets: Path, catalog: Path, name: str) -> None:
    assert added(easel_models, nets / f"{name}.safetensors").exit_code == 0
    assert tomllib.loads(catalog.read_text())[name]["family"] == name


@pytest.mark.parametrize("option", [["--size", "512x512"], ["--pipeline", "FluxPipeline"], ["--lora", "owner/name"]])
def test_options_of_drawing_are_refused(easel_models: Easel, nets: Path, catalog: Path, option: list[str]) -> None:
    done = added(easel_models, nets / "up2.safetensors", *option)

    assert done.exit_code == 2
    assert f"{option[0]} means nothing for an upscaler of pictures" in " ".join(done.output.split())
    assert catalog.read_text() == CATALOG


def test_what_only_spandrel_reads_and_what_is_pickled_says_what_to_do(easel_models: Easel, nets: Path) -> None:
    other = safetensors_of(nets / "swin.safetensors", {"conv_first.weight": (60, 3, 3, 3), "norm.weight": (60,)})
    assert 'family = "upscaler"' in " ".join(added(easel_models, other).output.split())
    (nets / "esrgan.pth").write_bytes(b"pickled")
    assert "an upscaler's .pth" in " ".join(added(easel_models, nets / "esrgan.pth").output.split())


@pytest.mark.parametrize(
    ("row", "status", "words"),
    [
        ("up4", "ok", "4 times as wide and high"),
        ("describer", "ok", "a describer"),
        ("up2", "problem", "the row says scale = 4"),
        ("matte", "problem", "the row says family = 'describer'"),
        ("swin", "ok", "spandrel may read"),
        ("gone", "problem", "fetch the file again"),
    ],
)
def test_the_doctor_compares_row_and_file(nets: Path, row: str, status: str, words: str) -> None:
    safetensors_of(nets / "swin.safetensors", {"strange.weight": (60, 3, 3, 3)})
    (nets / "gone.safetensors").write_bytes(b"")
    rows = (nets / "catalog.toml").read_text().replace("scale = 2", "scale = 4").replace('"matte"\n', '"describer"\n')
    rows += '[swin]\nsource = "swin.safetensors"\nfamily = "upscaler"\nscale = 2\n'
    rows += '[gone]\nsource = "gone.safetensors"\nfamily = "upscaler"\nscale = 2\n'
    (nets / "catalog.toml").write_text(rows)
    catalog = Catalog.load(nets / "catalog.toml")
    model = catalog.model(row)

    finding = file_finding(model, nets / model.source, catalog, Settings())

    assert finding.state == status, finding
    assert words in finding.found + finding.advice
