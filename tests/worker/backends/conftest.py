"""Models on compiled graphs, which are made in the test's own process: a process for each would take minutes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from core.catalog.catalog import Catalog
from worker.backends.backends import Backends
from worker.backends.export import export
from worker.backends.graph_files import GraphFiles
from worker.pipelines.models import Models


class OwnGraphFiles(GraphFiles):
    """Makes graphs here; one test makes them as a worker does."""

    def _run(self, work: Path) -> None:
        export(work)


Compile = Callable[..., tuple[Models, Backends]]


@pytest.fixture(scope="session")
def compile_models(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compile]:
    """Models of the tiny catalogue on a backend of their own."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    folder = tmp_path_factory.mktemp("graphs")
    made: list[Backends] = []

    def compiled(free_bytes: int | None = None, choice: str = "openvino") -> tuple[Models, Backends]:
        backends = Backends(choice, torch.device("cpu"), OwnGraphFiles(folder), lambda: free_bytes)  # type: ignore[arg-type]
        made.append(backends)
        return Models(catalog, device="cpu", max_resident=len(catalog.models), backends=backends), backends

    yield compiled
    for backends in made:
        backends.close()
