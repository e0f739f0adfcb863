"""Families that differ from what diffusers does by itself: a file with `TRAITS` each, found by themselves.

Several files may speak of one family, so that a task can bring a pipeline for it along; a family that no file speaks of
needs none.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from worker.pipelines.traits import Traits, merged


@cache
def all_traits() -> tuple[Traits, ...]:
    """Those of every file of this folder, in the order of their names."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    return tuple(module.TRAITS for module in modules if hasattr(module, "TRAITS"))


@cache
def traits_of(family: str) -> Traits:
    """All that the files say of `family`; the generic traits where none does. Raises ValueError if two contradict."""
    return merged(family, all_traits())


def leaves_half(family: str, components: Collection[str]) -> bool:
    """Whether activations leave the range of float16 in a pipeline of `family` that has these components.

    Its traits say so, or it has a transformer: those are trained in bfloat16.
    """
    return "transformer" in components or traits_of(family).half_overflows
