"""A package that was not unpacked to its end does not count as fetched."""

from __future__ import annotations

from pathlib import Path

import pytest

from training import fetch


def fetch_half(folder: Path) -> None:
    with fetch.unpacking(folder) as scratch:
        (scratch / "half").write_text("of it")
        raise OSError("the disk is full")


def test_what_breaks_off_leaves_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "packages" / "emoji"
    with pytest.raises(OSError, match="full"):
        fetch_half(folder)
    assert list(folder.parent.iterdir()) == []


def test_what_is_complete_is_moved_into_place(tmp_path: Path) -> None:
    folder = tmp_path / "packages" / "emoji"
    with fetch.unpacking(folder) as scratch:
        (scratch / "unpacked").mkdir()
        (scratch / "unpacked").rename(folder)
    assert list(folder.parent.iterdir()) == [folder]
