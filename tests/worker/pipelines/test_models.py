"""Models load once, from safe files only, and the least recently used leaves first."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core.catalog.catalog import Catalog
from core.errors import JobFailure, NotFound
from core.schedulers import Scheduler
from tests import tiny_models
from tests.worker.engine.drawings import a_request
from worker.pipelines.loading import load
from worker.pipelines.memory import MemoryOptions
from worker.pipelines.models import Models


def test_a_model_loads_once_and_the_least_recently_used_leaves(catalog: Catalog) -> None:
    models = Models(catalog, device="cpu", max_resident=2)
    models.preload(["sd15", "mini"])
    first = models.get("sd15")
    assert models.get("sd15") is first
    models.get("sdxl")
    assert models.loaded == ("sd15", "sdxl")


def test_a_model_in_use_is_not_dropped(catalog: Catalog) -> None:
    models = Models(catalog, device="cpu", max_resident=2)
    models.preload(["sd15", "mini"])
    models.get("sdxl", in_use={"sd15"})
    assert models.loaded == ("sd15", "sdxl")
    assert models.has_room_for("mini", in_use={"sd15"})
    assert models.has_room_for("sd15", in_use={"sd15", "sdxl"})
    assert not models.has_room_for("mini", in_use={"sd15", "sdxl"})


def test_an_unknown_model_is_not_found(catalog: Catalog) -> None:
    with pytest.raises(NotFound):
        Models(catalog, device="cpu").get("nothing")


def test_weights_that_are_not_safe_are_refused_before_anything_is_read(catalog: Catalog, tmp_path: Path) -> None:
    shutil.copytree(catalog.folder / "sd15", tmp_path / "sd15")
    (tmp_path / "sd15" / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"\x80\x04pickled")
    models = Models(catalog.evolve(folder=tmp_path), device="cpu")
    with pytest.raises(JobFailure, match="not a safetensors file"):
        models.get("sd15")
    assert models.loaded == ()


def test_a_model_that_is_not_there_fails_without_its_internals(catalog: Catalog, tmp_path: Path) -> None:
    models = Models(catalog.evolve(folder=tmp_path), device="cpu")
    with pytest.raises(JobFailure) as failure:
        models.get("sd15")
    assert failure.value.code == "model_load_failed"
    assert str(tmp_path) not in failure.value.message


def test_a_folder_that_has_half_precision_files_only_loads(catalog: Catalog, tmp_path: Path) -> None:
    pipeline = tiny_models.sd15()
    pipeline.to(dtype=torch.float16).save_pretrained(tmp_path / "sd15", variant="fp16")
    loaded = Models(catalog.evolve(folder=tmp_path), device="cpu").get("sd15")
    assert loaded.pipeline.unet.dtype == torch.float32


def test_requests_share_the_weights_but_nothing_that_changes(catalog: Catalog) -> None:
    model = Models(catalog, device="cpu").get("sd15")
    one, two = model.pipeline_for(a_request()), model.pipeline_for(a_request(scheduler=Scheduler.DDIM))
    assert one is not two
    assert one.unet is two.unet is model.pipeline.unet
    assert one.scheduler is not two.scheduler
    assert one.scheduler is not model.pipeline.scheduler
    assert type(model.pipeline.scheduler).__name__ == "DDIMScheduler"
    assert model.pipeline_for(a_request()).scheduler is not one.scheduler


def test_a_task_the_family_has_no_pipeline_for_is_refused(catalog: Catalog) -> None:
    model = Models(catalog, device="cpu").get("flux")
    model.traits = replace(model.traits, cannot=frozenset({"inpaint"}))
    with pytest.raises(JobFailure) as failure:
        model.pipeline_for(a_request("flux", task="inpaint"))
    assert failure.value.code == "task_not_supported"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_precision_asked_for_is_the_precision_loaded(catalog: Catalog, dtype: str) -> None:
    model = Models(catalog, MemoryOptions(dtype=dtype), device="cpu").get("sd15")  # type: ignore[arg-type]
    assert model.pipeline.unet.dtype == getattr(torch, dtype)


def test_an_autoencoder_that_overflows_in_half_stays_in_float32(catalog: Catalog) -> None:
    models = Models(catalog, MemoryOptions(dtype="float16"), device="cpu", max_resident=2)
    assert models.get("sdxl").pipeline.unet.dtype == torch.float16
    assert models.get("sdxl").pipeline.vae.dtype == torch.float32
    assert models.get("sd15").pipeline.vae.dtype == torch.float16


def test_a_setting_that_no_sampler_has_is_in_the_log(catalog: Catalog, caplog: pytest.LogCaptureFixture) -> None:
    # Given a row with a misspelt setting
    row = catalog.model("sd15").evolve(
        scheduler_config={"timestep_spacing": "trailing", "timestep_spaceing": "trailing"}
    )
    # When its model is loaded
    load(row, catalog.local_path, torch.device("cpu"), MemoryOptions(), allow_downloads=False)
    # Then the log names that one
    (warning,) = [each for each in caplog.records if each.levelname == "WARNING"]
    assert (warning.__dict__["model"], warning.__dict__["scheduler_config"]) == ("sd15", ("timestep_spaceing",))
