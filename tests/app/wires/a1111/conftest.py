"""A server whose first model can do every task."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from core.settings import Settings
from tests.app.conftest import MODELS


@pytest.fixture
def settings(redis: Redis, redis_url: str, tmp_path: Path) -> Settings:
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(MODELS)
    return Settings(redis_url=redis_url, data_dir=tmp_path / "data", catalog=catalog)
