"""A tiny pipeline as a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_models import build


@pytest.fixture
def tiny_sdxl(tmp_path: Path) -> Path:
    return build("sdxl", tmp_path / "sdxl")
