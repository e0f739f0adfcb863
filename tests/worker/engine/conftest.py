"""The tiny models, loaded once for all engine tests; and loaders for tests that break theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from core.catalog.catalog import Catalog
from tests import tiny_models
from worker.pipelines.memory import MemoryOptions
from worker.pipelines.models import Models


@pytest.fixture(scope="session")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    torch.set_num_threads(1)
    return tiny_models.build_all(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def models(catalog: Catalog) -> Models:
    return Models(catalog, device="cpu", max_resident=len(catalog.models))


@pytest.fixture
def fresh_models(catalog: Catalog) -> Callable[..., Models]:
    """Models of the test's own, to misbehave as it likes."""

    def load(**memory: Any) -> Models:
        return Models(catalog, MemoryOptions(**memory), device="cpu", max_resident=len(catalog.models))

    return load
