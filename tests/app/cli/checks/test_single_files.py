"""`easel doctor` on models that are one file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from app.cli.checks.finding import Finding
from app.cli.checks.models import model_findings
from core.settings import Settings
from tests.app.cli.commands.test_models import single_file


@pytest.fixture
def file(models: Path, catalog: Path) -> Path:
    """A whole model in one file, beside a catalogue whose only row names it, and a configuration."""
    catalog.write_text(f'[mine]\nsource = "mine.safetensors"\nconfig = "{models / "sd15"}"\n')
    return single_file(models / "sd15", catalog.with_name("mine.safetensors"))


def looked_at(catalog: Path, **settings: bool) -> Finding:
    (finding,) = model_findings(Settings(catalog=catalog, **settings))  # type: ignore[arg-type]
    return finding


def test_a_whole_file_is_told_by_what_it_is(file: Path, catalog: Path) -> None:
    finding = looked_at(catalog)
    assert finding.state == "ok", finding
    assert "a Stable Diffusion 1 model" in finding.found


def test_a_file_that_nothing_configures(file: Path, catalog: Path, models: Path) -> None:
    # Given no configuration in the row, in the hub's cache or beside the file
    catalog.write_text('[mine]\nsource = "mine.safetensors"\n')
    finding = looked_at(catalog)
    assert (finding.state, "`config`" in finding.advice) == ("problem", True)
    # which a worker may fetch
    assert looked_at(catalog, allow_downloads=True).state == "ok"
    # and one beside it does
    (models / "sd15").rename(file.with_name("mine.safetensors.config"))
    assert looked_at(catalog).state == "ok"


def test_what_a_file_lacks_is_looked_for_in_its_configuration(file: Path, catalog: Path, models: Path) -> None:
    # Given a file without an autoencoder, which the folder of its configuration has
    save_file({name: each for name, each in load_file(file).items() if not name.startswith("vae.")}, file)
    assert looked_at(catalog).state == "ok"
    # When it is not there either
    for weights in (models / "sd15" / "vae").glob("*.safetensors"):
        weights.unlink()
    # Then that is said, unless the row names another
    assert looked_at(catalog).state == "problem"
    assert "it has no vae" in looked_at(catalog).found
    catalog.write_text(catalog.read_text() + 'vae = "owner/vae"\n')
    assert looked_at(catalog).state == "ok"


def test_a_lora_is_no_model(file: Path, catalog: Path) -> None:
    down = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight"
    save_file({down: torch.zeros(4, 320), down.replace("down.weight", "up.weight"): torch.zeros(320, 4)}, file)
    finding = looked_at(catalog)
    assert finding.state == "problem"
    assert "LoRA" in finding.found


def test_a_broken_file_is_a_problem_in_words(file: Path, catalog: Path) -> None:
    for broken in (file.read_bytes()[:5000], b"<html>Not found</html>", b""):
        file.write_bytes(broken)
        finding = looked_at(catalog)
        assert (finding.state, "fetch the file again" in finding.advice) == ("problem", True)
