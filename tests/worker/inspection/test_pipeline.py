"""What is told of a pipeline's folder: its class, its tasks, and what its call takes."""

from __future__ import annotations

import json
from pathlib import Path

import diffusers
import pytest

from core.errors import InvalidRequest
from worker.inspection.card import card_of
from worker.inspection.pipeline import class_of, describe, own_tasks, tasks_of

ALL = {"text-to-image", "image-to-image", "inpaint"}


class Everything(dict[str, list[str]]):
    """An index that has every component."""

    def get(self, key: str, default: object = None) -> list[str]:  # type: ignore[override]
        return ["diffusers", "Any"]


@pytest.mark.parametrize(
    ("name", "first", "others"),
    [
        ("StableDiffusionPipeline", "text-to-image", ALL),
        ("StableDiffusionXLImg2ImgPipeline", "image-to-image", ALL),
        ("StableDiffusionInstructPix2PixPipeline", "image-to-image", {"image-to-image"}),
        ("FluxFillPipeline", "inpaint", {"inpaint"}),
        ("Flux2KleinPipeline", "text-to-image", {"text-to-image", "image-to-image"}),
        ("QwenImageEditPipeline", "image-to-image", {"image-to-image", "inpaint"}),
        ("SanaSprintPipeline", "text-to-image", {"text-to-image"}),
        ("PixArtSigmaPipeline", "text-to-image", {"text-to-image"}),
    ],
)
def test_tasks_follow_from_the_call_and_from_diffusers_own_tables(name: str, first: str, others: set[str]) -> None:
    told = tasks_of(getattr(diffusers, name), Everything(), {})
    assert told[0] == first
    assert set(told) <= others
    assert told[: len(own_tasks(getattr(diffusers, name)))] == own_tasks(getattr(diffusers, name))


def test_a_denoiser_that_takes_a_mask_and_a_refiner_do_what_they_were_made_for() -> None:
    inpainting = {"unet": {"in_channels": 9, "out_channels": 4}}
    assert tasks_of(diffusers.StableDiffusionInpaintPipeline, Everything(), inpainting) == ["inpaint"]
    index = Everything(requires_aesthetics_score=["yes"])
    assert tasks_of(diffusers.StableDiffusionXLImg2ImgPipeline, index, {}) == ["image-to-image"]


def test_a_folder_is_described(tiny_sdxl: Path) -> None:
    (tiny_sdxl / "README.md").write_text(
        "---\nlicense: other\nlicense_name: my-license\n---\nJust [a test](x) of it all.\n"
    )
    told = describe(tiny_sdxl)
    assert (told["pipeline"], told["family"]) == ("StableDiffusionXLPipeline", "sdxl")
    assert set(told["tasks"]) == ALL
    assert told["scheduler"]["_class_name"] == "EulerDiscreteScheduler"
    assert told["denoiser"]["sample_size"] == 8
    assert told["defaults"]["num_inference_steps"] == 50
    assert told["card"]["license"] == "my-license"
    assert told["card"]["description"] == "Just a test of it all."
    assert "negative_prompt" in told["parameters"]
    json.dumps(told)


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ({"_class_name": ["mine", "Mine"]}, "code of its own"),
        ({"_class_name": "os"}, "is no pipeline of diffusers"),
        ({"_class_name": "StableDiffusionPipeline", "unet": ["my_unet", "UNet"]}, "the component 'unet' comes from"),
        ({"_class_name": "WanPipeline"}, "makes no pictures"),
        ({"_class_name": "DDPMPipeline"}, "takes no prompt"),
    ],
)
def test_what_is_no_pipeline_of_ours_is_refused(index: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        class_of(index, None)


@pytest.mark.parametrize("text", ["", "no front matter\n", "---\n: [broken\n---\n# x\n", "---\nlist\n---\n"])
def test_any_card_is_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "README.md").write_text(text)
    assert card_of(tmp_path)["license"] == ""
