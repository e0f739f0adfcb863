"""The modules of a pipeline, and whether each does nothing but compute when it is called."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import torch


def modules_of(pipeline: Any) -> dict[str, torch.nn.Module]:  # noqa: ANN401 - any diffusers pipeline
    """Its components that are modules, by name."""
    return {name: part for name, part in pipeline.components.items() if isinstance(part, torch.nn.Module)}


def is_hookable(pipeline: Any) -> bool:  # noqa: ANN401
    """Whether all of its modules may be called for several requests in turn."""
    return not sets_processors(type(pipeline).__call__) and all(map(is_plain, modules_of(pipeline).values()))


def is_plain(module: torch.nn.Module) -> bool:
    """Offloading moves weights around a call and caches remember the call before: both break under interleaving."""
    return not getattr(module, "is_cache_enabled", False) and not any(map(has_hooks, module.modules()))


def has_hooks(part: torch.nn.Module) -> bool:
    """An empty registry counts for nothing: some transformers get one with their first call."""
    return hasattr(part, "_hf_hook") or bool(getattr(getattr(part, "_diffusers_hook", None), "hooks", None))


@cache
def sets_processors(call: Callable[..., Any]) -> bool:
    """Whether a pipeline's `call` changes how its modules attend while it runs, as perturbed-attention guidance does.

    Told by its code: nothing else tells it (Ahn et al. 2024, arXiv:2403.17377, is done so in diffusers).
    """
    code = inspect.getsource(call)
    return "set_attn_processor" in code or "_set_pag_attn" in code


def lay_out_vae(pipeline: Any, device: torch.device) -> None:  # noqa: ANN401
    """Keep the weights of an autoencoder on a CPU channels last: its convolutions take a fifth less time so.

    Not those of denoisers, which gain nothing at some numbers of rows and lose at others.
    """
    vae = getattr(pipeline, "vae", None)
    if device.type == "cpu" and vae is not None and all(weight.ndim <= 4 for weight in vae.parameters()):
        vae.to(memory_format=torch.channels_last)


def keep_vae_wide(pipeline: Any) -> None:  # noqa: ANN401 - any diffusers pipeline
    """Hold an autoencoder that overflows in half precision in float32 for good.

    The stock pipelines move it to float32 and back around every call; with two requests under way one would move it
    under the other.
    """
    vae = getattr(pipeline, "vae", None)
    moves = hasattr(pipeline, "upcast_vae")  # the method by which those that do it do it
    if moves and vae is not None and vae.dtype == torch.float16 and vae.config.get("force_upcast"):
        vae.to(dtype=torch.float32)
        vae.register_to_config(force_upcast=False)
