"""The tiny models, built and loaded once for all tests of the worker; and loaders for tests that break theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from redis import Redis

from core.catalog.catalog import Catalog
from tests.tiny_models import build_all
from tests.worker.added_modules import AddModule, added_modules
from tests.worker.job_worker import Worker, running
from worker.pipelines.memory import MemoryOptions
from worker.pipelines.models import Models

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return build_all(tmp_path_factory.mktemp("tiny-models"))


@pytest.fixture(scope="session")
def models(catalog: Catalog) -> Models:
    return Models(catalog, device="cpu", max_resident=len(catalog.models))


@pytest.fixture
def fresh_models(catalog: Catalog) -> Callable[..., Models]:
    """Models of the test's own, to misbehave as it likes."""

    def load(**memory: Any) -> Models:
        return Models(catalog, MemoryOptions(**memory), device="cpu", max_resident=len(catalog.models))

    return load


@pytest.fixture
def add_module(tmp_path: Path) -> Iterator[AddModule]:
    with added_modules(tmp_path / "added") as add:
        yield add


@pytest.fixture
def worker(redis: Redis, catalog: Catalog, tmp_path: Path) -> Iterator[Worker]:
    """Everything of a worker process but the RQ slots; the engine runs beside the test."""
    with running(redis, catalog, tmp_path) as worker:
        yield worker
