"""The official client against the application behind a socket, with a worker that draws nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI
from redis import Redis

from core.settings import Settings
from tests.app.conftest import MODELS
from tests.app.fake_worker import FakeWorker


@pytest.fixture
def settings(redis: Redis, redis_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """The first of the two models can do everything, the second draws from words only."""
    seconds = 1.0 if "grace" in request.fixturenames else 20.0
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(MODELS)
    return Settings(redis_url=redis_url, data_dir=tmp_path / "data", catalog=catalog, hangup_seconds=seconds)


@pytest.fixture
def grace() -> None:
    """In tests that ask for it, a client that hung up is waited for no longer than a second."""


@pytest.fixture
def openai(server: str) -> Iterator[OpenAI]:
    """The unchanged client, but for its address."""
    with OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0, timeout=30) as client:
        yield client


@pytest.fixture
def drawing(worker: FakeWorker) -> Iterator[FakeWorker]:
    """A worker that takes every job at once."""
    with worker:
        yield worker
