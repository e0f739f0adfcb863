"""Families: which one a diffusers pipeline belongs to, and what the rows of one need not say."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

UNKNOWN: Final = "unknown"
"""The family of a row of which nobody says it, and whose pipeline cannot be looked at."""

NETWORKS: Final = frozenset({"upscaler", "matte", "describer", "captioner"})
"""Families of models that draw nothing: they enlarge pictures, cut them out, and say what is on them."""

INDEX: Final = "model_index.json"
"""The file of a pipeline's folder that names its class and the classes of its components (diffusers' own format)."""

WORDS: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


@cache
def families() -> Mapping[str, Mapping[str, Any]]:
    """Every family that the package knows something of, by name, as its table says."""
    return MappingProxyType(tomllib.loads((files(__package__) / "families.toml").read_text(encoding="utf-8")))


def family_defaults(family: str) -> dict[str, Any]:
    """The fields of a row that all models of `family` share."""
    return {name: value for name, value in families().get(family, {}).items() if name != "pipelines"}


def family_of(pipeline: str) -> str:
    """The family of a pipeline's class, such as `sdxl` of `StableDiffusionXLPipeline`.

    One that no table knows is named after the class: `lumina2` for `Lumina2Pipeline`.
    """
    known = {beginning: family for family, told in families().items() for beginning in told["pipelines"]}
    fitting = [beginning for beginning in known if pipeline.startswith(beginning)]
    if fitting:
        return known[max(fitting, key=len)]
    words = WORDS.findall(re.sub(r"(Img2Img|Inpaint)?Pipeline$", "", pipeline))
    slug = re.sub(r"-(?=\d)", "", "-".join(words).lower())
    return slug[:32] or UNKNOWN


def pipeline_of(folder: Path) -> str | None:
    """The class that the folder of a pipeline names; None where there is no such folder, or it names none."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    named = index.get("_class_name") if isinstance(index, dict) else None
    return named if isinstance(named, str) else None
