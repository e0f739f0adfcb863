"""The catalogue and the files change under a worker: what it has loaded follows, and what failed is not tried again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from core.catalog.catalog import Catalog
from core.catalog.model import Model
from core.catalog.watched import WatchedCatalog
from core.errors import JobFailure, NotFound
from tests.lora_files import diffusers_lora, write
from tests.tiny_models import sd15
from worker.pipelines import loading
from worker.pipelines import models as models_module
from worker.pipelines.loaded_model import LoadedModel
from worker.pipelines.models import Models

ROW = '[sd15]\nsource = "sd15"\n\n[other]\nsource = "sd15"\n'


@pytest.fixture
def models(catalog: Catalog, tmp_path: Path) -> Models:
    shutil.copytree(catalog.folder / "sd15", tmp_path / "sd15")
    (tmp_path / "catalog.toml").write_text(ROW)
    return Models(WatchedCatalog(tmp_path / "catalog.toml", every=0), device="cpu", max_resident=2)


def test_what_changes_the_model_loads_it_anew_once_it_is_not_in_use(models: Models, tmp_path: Path) -> None:
    first = models.get("sd15")
    (tmp_path / "catalog.toml").write_text(ROW + 'dtype = "bfloat16"\n[third]\nsource = "sd15"\ndtype = "bfloat16"\n')
    assert models.get("sd15") is first

    (tmp_path / "catalog.toml").write_text('[sd15]\nsource = "sd15"\ndtype = "bfloat16"\n')
    assert not models.has_room_for("sd15", in_use={"sd15"})
    assert models.get("sd15", in_use={"sd15"}) is first
    assert models.get("sd15") is not first


def test_what_only_requests_read_does_not(models: Models, tmp_path: Path) -> None:
    first = models.get("sd15")
    (tmp_path / "catalog.toml").write_text('[sd15]\nsource = "sd15"\nmax_steps = 60\ndescription = "new"\n')
    assert models.get("sd15") is first


def test_a_removed_model_leaves_the_memory_and_is_not_found(models: Models, tmp_path: Path) -> None:
    models.get("other")
    (tmp_path / "catalog.toml").write_text('[sd15]\nsource = "sd15"\n')
    models.drop_stale()
    assert models.loaded == ()
    with pytest.raises(NotFound):
        models.get("other")


def test_broken_weights_are_tried_once_until_they_are_mended(
    models: Models, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def counted(row: Model, *args: Any, **options: Any) -> LoadedModel:
        tried.append(row.id)
        return loading.load(row, *args, **options)

    monkeypatch.setattr(models_module, "load", counted)
    weights = Path("sd15/unet/diffusion_pytorch_model.safetensors")
    (tmp_path / weights).write_bytes(b"no weights")
    for _ in range(3):
        with pytest.raises(JobFailure, match="not a safetensors file") as failure:
            models.get("sd15")
        assert failure.value.code == "model_load_failed"
    assert tried == ["sd15"]

    shutil.copy(catalog.folder / weights, tmp_path / weights)
    assert models.get("sd15") is not None
    assert models.failures.of(models.catalog.model("sd15"), models.catalog) is None


def test_a_lora_that_is_mended_is_taken_at_once_and_another_strength_is_another_model(
    models: Models, tmp_path: Path
) -> None:
    # Given a row whose LoRA is broken
    row = '[sd15]\nsource = "sd15"\nloras = { "a.safetensors" = 1 }\n'
    (tmp_path / "a.safetensors").write_bytes(b"none")
    (tmp_path / "catalog.toml").write_text(row)
    with pytest.raises(JobFailure, match=r"a\.safetensors"):
        models.get("sd15")

    # When it is mended, the model draws; when it is to be weaker, it is loaded anew
    write(diffusers_lora(sd15(), "unet"), tmp_path / "a.safetensors")
    first = models.get("sd15")
    (tmp_path / "catalog.toml").write_text(row.replace("= 1", "= 0.5"))
    assert models.get("sd15") is not first


def test_a_failure_after_the_weights_are_in_is_remembered_too(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_memory(*args: object) -> None:
        raise MemoryError("out of memory")

    monkeypatch.setattr(loading, "apply_savers", out_of_memory)
    models.preload(["sd15"])
    assert models.loaded == ()
    row = models.catalog.model("sd15")
    told = models.failures.pausing(row, models.catalog)
    assert told is not None
    assert "does not fit into the worker's memory" in told.message


def test_files_that_are_not_there_need_no_try(models: Models, tmp_path: Path) -> None:
    (tmp_path / "catalog.toml").write_text('[hub]\nsource = "some/where"\n')
    told = models.failures.of(models.catalog.model("hub"), models.catalog)
    assert told is not None
    assert "easel models add some/where" in told.reason
