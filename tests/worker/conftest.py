"""The tiny models, built once a run, and one thread for torch."""

from __future__ import annotations

import pytest
import torch

from core.catalog.catalog import Catalog
from tests.tiny_models import build_all

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return build_all(tmp_path_factory.mktemp("tiny-models"))
