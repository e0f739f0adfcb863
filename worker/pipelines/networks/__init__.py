"""Models that draw nothing: each family in a file of its own, with an `opened` that loads it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import cast

import torch

from core.catalog.hub_cache import snapshot_of
from core.catalog.model import Model
from core.errors import JobFailure
from worker.pipelines.network import Network

Locate = Callable[[str], Path | None]


def open_network(row: Model, locate: Locate, dtype: torch.dtype) -> Network:
    """The network of `row` in `dtype`, on the CPU.

    Raises JobFailure (`model_load_failed`) where its files are not here, or are not what the row says.
    """
    path = locate(row.source) or snapshot_of(row.source, row.revision)
    if path is None:
        raise JobFailure(f"'{row.source}' is no folder or file here", code="model_load_failed")
    return cast(Network, import_module(f"{__name__}.{row.family}").opened(row, path, dtype))
