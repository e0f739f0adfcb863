"""The modules of a pipeline, and whether each does nothing but compute when it is called."""

from __future__ import annotations

from typing import Any

import torch


def modules_of(pipeline: Any) -> dict[str, torch.nn.Module]:  # noqa: ANN401 - any diffusers pipeline
    """Its components that are modules, by name."""
    return {name: part for name, part in pipeline.components.items() if isinstance(part, torch.nn.Module)}


def is_hookable(pipeline: Any) -> bool:  # noqa: ANN401
    """Whether all of its modules may be called for several requests in turn."""
    return all(map(is_plain, modules_of(pipeline).values()))


def is_plain(module: torch.nn.Module) -> bool:
    """Offloading moves weights around a call and caches remember the call before: both break under interleaving."""
    return not getattr(module, "is_cache_enabled", False) and not any(map(has_hooks, module.modules()))


def has_hooks(part: torch.nn.Module) -> bool:
    """An empty registry counts for nothing: some transformers get one with their first call."""
    return hasattr(part, "_hf_hook") or bool(getattr(getattr(part, "_diffusers_hook", None), "hooks", None))
