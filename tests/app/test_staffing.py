"""Two workers where CPU cores draw with a small model, one elsewhere, and as many as were asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app import staffing
from core.catalog import Catalog
from core.settings import Settings

SMALL = Catalog.load(Settings.read().catalog)


@pytest.mark.parametrize(
    ("given", "cores", "count"),
    [
        ({"device": "cpu"}, 2, 2),
        ({"device": "cpu"}, 16, 2),
        ({"device": "cpu"}, 1, 1),
        ({"device": "cuda"}, 16, 1),
        ({"device": "cpu", "torch_threads": 2}, 2, 1),  # then threads do not make room for each other
        ({"device": "cuda", "workers": 3}, 2, 3),
        ({"device": "cpu", "workers": 1}, 2, 1),
    ],
)
def test_workers_are_as_many_as_the_machine_is_worth(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, object], cores: int, count: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)

    assert staffing.count_workers(Settings.read(**given), SMALL) == count


@pytest.mark.parametrize(("device", "cpu"), [("null", True), ("nvidia0", False), ("nvidiactl", True), ("kfd", False)])
def test_accelerators_are_told_by_their_device_files(tmp_path: Path, device: str, cpu: bool) -> None:
    (tmp_path / device).touch()

    assert staffing.draws_on_cpu("auto", tmp_path) is cpu


def test_large_models_and_those_of_a_hub_are_loaded_once(tmp_path: Path) -> None:
    (tmp_path / "large").mkdir()
    with (tmp_path / "large" / "model.safetensors").open("wb") as weights:
        weights.truncate(staffing.SMALL_BYTES + 1)
    for source in ("large", "owner/name"):
        catalog = tmp_path / "catalog.toml"
        catalog.write_text(f'default = "m"\n[m]\nsource = "{source}"\nfamily = "sd15"\n')

        assert not staffing.is_small(Catalog.load(catalog))
