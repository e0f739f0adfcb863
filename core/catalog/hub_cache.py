"""Which hub ids lie on this machine: the cache of huggingface_hub, found without importing it.

The layout is that of https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def hub_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder that the library uses in this environment."""
    if chosen := environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE"):
        return Path(chosen).expanduser()
    home = environment.get("HF_HOME") or Path(environment.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    return Path(home).expanduser() / "hub"


def is_cached(hub_id: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a snapshot of `owner/name` was fetched once; single files of it may still be missing."""
    folder = hub_cache(environment) / f"models--{hub_id.replace('/', '--')}" / "snapshots"
    return any(folder.glob("*/*"))
