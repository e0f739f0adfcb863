"""What a check tells of a model beside its pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core.catalog.catalog import Catalog
from core.settings import Settings
from tests.lora_files import diffusers_lora, write
from tests.tiny_models import sd15
from worker.check.drawing import check_model


def test_settings_that_do_nothing_are_noted(catalog: Catalog) -> None:
    # Given a row with a setting that its sampler has, and one that none has
    row = catalog.model("sd15").evolve(scheduler_config={"timestep_spacing": "trailing", "spacing": "trailing"})
    written = catalog.evolve(models=(row,), default=row.id)
    # When it is checked
    told = check_model(written, "sd15", Settings(device="cpu"), size=(64, 64), save=None)
    # Then the one is named, and the pictures are looked at all the same
    assert told["notes"] == ["scheduler_config: no sampler has a setting 'spacing', so it does nothing"]
    assert told["size"] == [64, 64]


@pytest.mark.parametrize(
    ("source", "loras", "notes"),
    [
        ("sd-turbo", [], ["num_inference_steps is 25", "guidance_scale is 5", "timestep_spacing is 'leading'"]),
        ("plain", ["lcm-lora-sdv1-5.safetensors"], ["num_inference_steps is 25: a 'lcm' model draws in 4"]),
        ("turbocharged-portraits", ["flash-photography.safetensors"], []),
    ],
)
def test_a_model_of_few_steps_that_is_asked_for_many_is_noted(
    catalog: Catalog, tmp_path: Path, source: str, loras: list[str], notes: list[str]
) -> None:
    # Given a row by hand, which says nothing of steps and guidance, of a model or with a LoRA whose name does
    (tmp_path / source).symlink_to(catalog.folder / "sd15")
    named = {str(write(diffusers_lora(sd15(), "unet"), tmp_path / name)): 1.0 for name in loras}
    row = catalog.model("sd15").evolve(id="mine", source=str(tmp_path / source), loras=named)
    written = catalog.evolve(models=(row,), default=row.id)

    # When it is checked
    told = check_model(written, "mine", Settings(device="cpu"), size=(64, 64), save=None)

    # Then each setting that does not fit is noted, with what would
    assert len([each for each in notes if any(each in note for note in told["notes"])]) == len(notes)
    assert bool(told["notes"]) == bool(notes), told["notes"]


def test_settings_that_fit_a_model_of_few_steps_need_no_note(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "sd-turbo").symlink_to(catalog.folder / "sd15")
    fitting = {"num_inference_steps": 4, "guidance_scale": 0.0, "scheduler_config": {"timestep_spacing": "trailing"}}
    row = catalog.model("sd15").evolve(id="mine", source=str(tmp_path / "sd-turbo"), **fitting)
    written = catalog.evolve(models=(row,), default=row.id)
    assert check_model(written, "mine", Settings(device="cpu"), size=(64, 64), save=None)["notes"] == []


def test_layers_of_a_lora_without_a_place_are_noted(catalog: Catalog, tmp_path: Path) -> None:
    strange = "unet.down_blocks.7.attn.to_q"
    tensors = {f"{strange}.lora_A.weight": torch.zeros(2, 32), f"{strange}.lora_B.weight": torch.zeros(32, 2)}
    file = write({**diffusers_lora(sd15(), "unet"), **tensors}, tmp_path / "pixels.safetensors")
    row = catalog.model("sd15").evolve(id="mine", loras={str(file): 1.0})
    told = check_model(
        catalog.evolve(models=(row,), default="mine"), "mine", Settings(device="cpu"), size=(64, 64), save=None
    )
    assert len(told["notes"]) == 1
    assert "the LoRA 'pixels.safetensors': 1 of its 33 layers found no place" in told["notes"][0]
