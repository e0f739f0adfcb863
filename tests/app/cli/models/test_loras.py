"""`easel models add MODEL --lora …`: what is written, what is told from the LoRA, and what is refused in words."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from app.cli.client import AskedWrongly
from app.cli.models.loras import place_and_scale
from tests.app.cli.conftest import Easel


@pytest.fixture
def lora(tmp_path: Path) -> Path:
    """A LoRA for the tiny model of Stable Diffusion 1, by the name of one that is known."""
    return write_lora(tmp_path / "lcm-lora-sdv1-5.safetensors")


def write_lora(file: Path, width: int = 32, metadata: dict[str, str] | None = None) -> Path:
    name = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k"
    tensors = {f"{name}.lora_A.weight": torch.ones(2, width), f"{name}.lora_B.weight": torch.ones(32, 2)}
    save_file(tensors, file, metadata)
    return file


@pytest.mark.slow
def test_a_model_is_added_with_a_few_step_lora_and_draws(
    easel_models: Easel, models: Path, catalog: Path, lora: Path
) -> None:
    # When a model is added with a LoRA of a known kind
    added = easel_models("add", models / "sd15", "--lora", f"{lora}:0.9", "--yes", "--id", "fast")

    # Then the row names it, and is drawn with as the kind wants it
    assert added.exit_code == 0, added.output
    row = tomllib.loads(catalog.read_text())["fast"]
    assert row["loras"] == {str(lora): 0.9}
    assert (row["scheduler"], row["num_inference_steps"], row["guidance_scale"]) == ("lcm", 4, 1.0)
    assert "few steps and little guidance, as 'lcm' models want it" in " ".join(added.output.split())

    # And its files say nothing else, and it draws with nothing to note
    assert json.loads(easel_models("show", "fast", "--json").output)["differences"] == []
    checked = easel_models("check", "fast", "--json", "--size", "64x64")
    assert checked.exit_code == 0, checked.output
    assert json.loads(checked.stdout)["notes"] == []


@pytest.mark.slow
def test_several_are_kept_in_order_and_one_by_its_own_title(easel_models: Easel, models: Path, tmp_path: Path) -> None:
    # Given a folder with a LoRA by a name that says nothing, whose metadata does
    (tmp_path / "mine").mkdir()
    titled = write_lora(
        tmp_path / "mine/pytorch_lora_weights.safetensors", 32, {"modelspec.title": "Hyper SD15 4 steps"}
    )
    other = write_lora(tmp_path / "pixel-art.safetensors")

    # When a model is to be added with both
    done = easel_models(
        "add", models / "sd15", "--lora", other, "--lora", tmp_path / "mine", "--dry-run", "--json", "--id", "two"
    )

    # Then both are in the row
    row = json.loads(done.stdout)["row"]
    assert list(row["loras"].items()) == [(str(other), 1.0), (str(titled), 1.0)]
    assert (row["scheduler"], row["num_inference_steps"]) == ("ddim", 4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lora", "said"),
    [
        ("{home}/missing.safetensors", "there is no folder or file"),
        ("{home}/sdxl.safetensors", "it was made for Stable Diffusion XL, and the model is of the family sd15"),
        ("{home}/vae.safetensors", "the file is an autoencoder (VAE), and a LoRA of safetensors is wanted"),
        ("{home}/ok.safetensors:11", "the strength 11 is not between -10 and 10"),
        ("{home}/pickle.pt", "is pickled"),
        ("{home}/broken.safetensors", "cut short"),
        ("{home}/several", "it has several files; name one: a.safetensors, b.safetensors"),
        ("{home}/none", "there is no .safetensors file in that folder"),
    ],
)
def test_what_is_no_lora_for_it_is_told(
    easel_models: Easel, models: Path, catalog: Path, tmp_path: Path, lora: str, said: str
) -> None:
    before = catalog.read_text()
    write_lora(tmp_path / "ok.safetensors")
    write_lora(tmp_path / "sdxl.safetensors", 2048)
    save_file({"decoder.conv_in.weight": torch.ones(2, 2, 3, 3)}, tmp_path / "vae.safetensors")
    (tmp_path / "pickle.pt").write_bytes(b"\x80\x04")
    whole = write_lora(tmp_path / "broken.safetensors")
    whole.write_bytes(whole.read_bytes()[:-9])
    for folder in ("several", "none"):
        (tmp_path / folder).mkdir()
    for name in ("a", "b"):
        write_lora(tmp_path / f"several/{name}.safetensors")

    done = easel_models("add", models / "sd15", "--yes", "--id", "x", "--lora", lora.format(home=tmp_path))

    assert done.exit_code == 2, done.output
    assert said in " ".join(done.output.split())
    assert catalog.read_text() == before


@pytest.mark.slow
def test_a_lora_alone_is_told_where_it_belongs(easel_models: Easel, lora: Path) -> None:
    done = easel_models("add", lora, "--yes")
    assert done.exit_code == 2
    assert f"easel models add MODEL --lora {lora}" in " ".join(done.output.split())


@pytest.mark.parametrize(
    ("typed", "place", "scale"),
    [
        ("a.safetensors", "a.safetensors", None),
        ("a.safetensors:0.5", "a.safetensors", 0.5),
        ("a.safetensors:-1", "a.safetensors", -1.0),
        ("owner/name/a.safetensors@v2:.8", "owner/name/a.safetensors@v2", 0.8),
        ("https://huggingface.co/owner/name", "https://huggingface.co/owner/name", None),
        ("owner/name:1", "owner/name", 1.0),
    ],
)
def test_a_strength_is_what_stands_behind_the_last_colon(typed: str, place: str, scale: float | None) -> None:
    assert place_and_scale(typed) == (place, scale)


def test_a_strength_out_of_range_is_told() -> None:
    with pytest.raises(AskedWrongly, match="between -10 and 10"):
        place_and_scale("a.safetensors:12")
