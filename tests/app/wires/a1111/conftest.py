"""A server whose first model can do every task."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from core.settings import Settings
from tests.app.wires.openai.conftest import ALL_TASKS


@pytest.fixture
def settings(redis: Redis, redis_url: str, tmp_path: Path) -> Settings:
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(ALL_TASKS)
    return Settings(redis_url=redis_url, data_dir=tmp_path / "data", catalog=catalog)
