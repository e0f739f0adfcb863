"""A running server takes an edited catalogue, and keeps the last good one."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.catalog.catalog import CatalogError
from core.catalog.watched import WatchedCatalog

ROW = '[small]\nsource = "small"\nfamily = "sd15"\n'


def write(path: Path, text: str) -> None:
    """As editors do: another file in the place of the old one."""
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").replace(path)


def test_a_changed_file_is_taken_and_a_wrong_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    write(path, ROW)
    watched = WatchedCatalog(path, every=0)
    first = watched.current()
    assert watched.current() is first

    write(path, ROW + ROW.replace("[small]", "[other]"))
    assert [model.id for model in watched.current().models] == ["small", "other"]

    # A wrong one changes nothing but what is said
    write(path, ROW + 'num_inference_steps = "many"\n')
    assert [model.id for model in watched.current().models] == ["small", "other"]
    assert watched.fault is not None
    assert "'num_inference_steps' is 'many'" in watched.fault

    write(path, ROW)
    assert [model.id for model in watched.current().models] == ["small"]
    assert watched.fault is None


def test_the_first_one_must_be_right(tmp_path: Path) -> None:
    with pytest.raises(CatalogError):
        WatchedCatalog(tmp_path / "catalog.toml")
