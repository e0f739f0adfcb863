"""Stable Diffusion 3: trained in bfloat16, and beyond the range of float16."""

from __future__ import annotations

from typing import Final

from worker.pipelines.traits import Traits

TRAITS: Final = Traits(families=frozenset({"sd3"}), half_overflows=True)
