"""Two workers where the cores of a CPU draw with small models, one elsewhere, and as many as were asked for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from app.stack import worker_count
from app.stack.memory import GIB, Memory
from core.catalog.catalog import Catalog
from core.settings import Settings

REPOSITORY = Path(__file__).parents[3]
SOURCES = {"small": "small", "large": "large", "hub": "owner/name"}


@pytest.fixture
def bundled() -> Catalog:
    return Catalog.load(REPOSITORY / "models" / "catalog.toml")


def stay_on(monkeypatch: pytest.MonkeyPatch, cores: int, free: int = 16 * GIB) -> None:
    """A Linux machine with so many cores for this process and so much free memory, and no setting of its own."""
    for variable in [name for name in os.environ if name.startswith("EASEL_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    monkeypatch.setattr(worker_count, "read_memory", lambda: Memory(32 * GIB, free))


@pytest.mark.parametrize(
    ("given", "cores", "count"),
    [
        ({"device": "cpu", "backend": "eager"}, 2, 2),
        ({"device": "cpu", "backend": "eager"}, 16, 2),
        ({"device": "cpu", "backend": "eager"}, 1, 1),
        ({"device": "cpu"}, 2, 1),  # compiled graphs keep all cores busy by themselves
        ({"device": "cuda"}, 16, 1),
        (
            {"device": "cpu", "backend": "eager", "torch_threads": 2},
            2,
            1,
        ),  # then threads do not make room for each other
        ({"device": "cuda", "workers": 3}, 2, 3),
        ({"device": "cpu", "workers": 1}, 2, 1),
    ],
)
def test_workers_are_as_many_as_the_machine_is_worth(
    monkeypatch: pytest.MonkeyPatch, bundled: Catalog, given: dict[str, object], cores: int, count: int
) -> None:
    stay_on(monkeypatch, cores)

    assert worker_count.count_workers(Settings.read(**given), bundled) == count


def test_one_worker_where_memory_is_short_or_threads_do_not_adapt(
    monkeypatch: pytest.MonkeyPatch, bundled: Catalog
) -> None:
    # Given a machine that is worth two, when two would take most of what is free, there is one
    stay_on(monkeypatch, cores=2, free=3 * GIB)
    settings = Settings.read(device="cpu", backend="eager")
    assert worker_count.count_workers(settings, bundled) == 1
    # and so there is where nobody tells how busy the cores are
    stay_on(monkeypatch, cores=2)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert worker_count.count_workers(settings, bundled) == 1


@pytest.mark.parametrize(("device", "cpu"), [("null", True), ("nvidia0", False), ("nvidiactl", True), ("kfd", False)])
def test_accelerators_are_told_by_their_device_files(tmp_path: Path, device: str, cpu: bool) -> None:
    (tmp_path / device).touch()

    assert worker_count.draws_on_cpu("auto", tmp_path) is cpu


def test_large_models_and_those_of_a_hub_are_loaded_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Given free memory without end, a large folder, a small one, and a model that lies on a hub
    stay_on(monkeypatch, cores=2, free=1000 * GIB)
    for name, size in (("large", worker_count.SMALL_BYTES + 1), ("small", 1000)):
        (tmp_path / name).mkdir()
        with (tmp_path / name / "model.safetensors").open("wb") as weights:
            weights.truncate(size)
    rows = (f'[{name}]\nsource = "{source}"\nfamily = "sd15"\n' for name, source in SOURCES.items())
    (tmp_path / "catalog.toml").write_text("\n".join(['default = "small"', *rows]))
    catalog = Catalog.load(tmp_path / "catalog.toml")

    def small(*names: str) -> bool:
        return worker_count.are_small([catalog.model(name) for name in names], catalog)

    # Then only the small one may be loaded twice, and not beside one of the others
    assert small("small")
    assert not small("small", "large")
    assert not small("small", "hub")
