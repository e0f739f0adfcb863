"""The tiny models, loaded once for all engine tests, and what the tests ask of an engine."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests import tiny_models
from worker.pipelines.models import Models


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    torch.set_num_threads(1)
    folder: Path = tmp_path_factory.mktemp("models")
    catalog = tiny_models.build_all(folder)
    return Models(catalog, device=torch.device("cpu"), max_resident=len(catalog.models))
