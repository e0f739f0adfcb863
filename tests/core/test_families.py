"""Families: told by the class of a pipeline, with what is usual in each."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.catalog.catalog import Catalog
from core.catalog.families import UNKNOWN, family_of
from core.schedulers import Scheduler


@pytest.mark.parametrize(
    ("pipeline", "family"),
    [
        ("StableDiffusionPipeline", "sd15"),
        ("StableDiffusionImg2ImgPipeline", "sd15"),
        ("StableDiffusionXLInpaintPipeline", "sdxl"),
        ("StableDiffusion3Pipeline", "sd3"),
        ("StableDiffusionInstructPix2PixPipeline", "instruct-pix2pix"),
        ("FluxKontextPipeline", "flux-kontext"),
        ("Flux2KleinPipeline", "flux2"),
        ("QwenImageEditPlusPipeline", "qwen-image-edit-plus"),
        ("LatentConsistencyModelPipeline", "lcm"),
        ("Lumina2Pipeline", "lumina2"),
        ("AuraFlowPipeline", "auraflow"),
        ("PixArtSigmaPipeline", "pixart"),
        ("Kandinsky5T2IPipeline", "kandinsky5"),
    ],
)
def test_a_class_tells_its_family(pipeline: str, family: str) -> None:
    assert family_of(pipeline) == family


def test_a_row_without_a_family_is_told_by_its_folder(tmp_path: Path) -> None:
    # Given a folder of a pipeline, one without an index, and a hub id
    (tmp_path / "xl").mkdir()
    (tmp_path / "xl" / "model_index.json").write_text('{"_class_name": "StableDiffusionXLPipeline"}')
    (tmp_path / "empty").mkdir()
    (tmp_path / "catalog.toml").write_text(
        '[xl]\nsource = "xl"\n[empty]\nsource = "empty"\n[hub]\nsource = "owner/name"\n'
        '[named]\nsource = "owner/other"\npipeline = "FluxPipeline"\n'
    )

    # When
    catalog = Catalog.load(tmp_path / "catalog.toml")

    # Then
    families = {model.id: (model.family, model.scheduler) for model in catalog.models}
    assert families == {
        "xl": ("sdxl", Scheduler.EULER),
        "empty": (UNKNOWN, Scheduler.OWN),
        "hub": (UNKNOWN, Scheduler.OWN),
        "named": ("flux", Scheduler.FLOW_MATCH_EULER),
    }


def test_an_alias_leads_to_its_model(tmp_path: Path) -> None:
    (tmp_path / "catalog.toml").write_text(
        '[a]\nsource = "a"\n[b]\nsource = "b"\naliases = ["dall-e-3", "sd_xl.safetensors"]\n'
    )
    catalog = Catalog.load(tmp_path / "catalog.toml")
    assert [catalog.model(name).id for name in ("dall-e-3", "sd_xl.safetensors", "b", None)] == ["b", "b", "b", "a"]
