"""Which files of a hub's repository a pipeline needs: configuration, tokenizers, and its weights once."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from core.catalog.families import INDEX
from core.errors import InvalidRequest

TEXTS: Final = frozenset({".json", ".txt", ".model", ".jinja", ".spm"})
"""Configuration and tokenizers. Never pickles (.bin, .ckpt, .pt) and never code (.py)."""

OF_THE_ROOT: Final = re.compile(r"(model_index\.json|README\.md|LICENSE[^/]*|NOTICE[^/]*)", re.IGNORECASE)

VARIANT: Final = re.compile(
    r"\.(?P<variant>[a-z0-9_]+)(?:-\d+-of-\d+)?\.safetensors$|index\.(?P<index>[a-z0-9_]+)\.json$"
)
"""`model.fp16.safetensors`, `model.fp16-00001-of-00002.safetensors`, `model.safetensors.index.fp16.json`."""

PICKLES: Final = (".bin", ".ckpt", ".pt", ".pth", ".pkl")


def wanted_files(
    files: Collection[str], index: Mapping[str, Any], *, half: bool, parts: Collection[str] | None = None
) -> list[str]:
    """Those of `files` that the pipeline of `index` loads; in float16 where that is kept and `half` wants it.

    With `parts`, weights of those only, and the small files of every folder. Raises InvalidRequest where a component
    has pickled weights alone.
    """
    named = [name for name, value in index.items() if isinstance(value, list) and value and value[0] is not None]
    found = {part: [name for name in files if PurePosixPath(name).parent.as_posix() == part] for part in named}
    if parts is not None:
        small = {name for name in files if PurePosixPath(name).suffix in TEXTS and name.count("/") < 2}
        return sorted({*small, *wanted_files(files, {part: index.get(part) for part in parts}, half=half)})
    weights = {part: by_variant(names) for part, names in found.items()}
    for part, names in found.items():
        pickled = [name for name in names if name.endswith(PICKLES)]
        if pickled and not weights[part]:
            raise InvalidRequest(
                f"the weights of its {part} are pickled ({pickled[0]}), which Easel never opens: look for a repository "
                "with .safetensors files"
            )
    variant = variant_for([kinds for kinds in weights.values() if kinds], half=half)
    chosen = {name for name in files if OF_THE_ROOT.fullmatch(name)} | {INDEX}
    for part, names in found.items():
        kinds = weights[part]
        chosen |= {name for name in names if PurePosixPath(name).suffix in TEXTS and not is_of_weights(name)}
        chosen |= set(kinds.get(variant) or kinds.get("") or kinds.get("fp16") or ())
    return sorted(chosen)


def variant_for(weights: Collection[Mapping[str, Collection[str]]], *, half: bool) -> str:
    """`fp16` where all have it and it is wanted, or some have nothing else; else the plain one, ""."""
    all_half = all("fp16" in kinds for kinds in weights)
    all_plain = all("" in kinds for kinds in weights)
    return "fp16" if all_half and (half or not all_plain) else ""


def by_variant(names: Collection[str]) -> dict[str, list[str]]:
    """Files of weights, and the indices of split ones, by their variant."""
    found: dict[str, list[str]] = {}
    for name in names:
        if is_of_weights(name):
            match = VARIANT.search(PurePosixPath(name).name)
            variant = (match["variant"] or match["index"]) if match else ""
            found.setdefault(variant, []).append(name)
    return {variant: names for variant, names in found.items() if any(name.endswith(".safetensors") for name in names)}


def is_of_weights(name: str) -> bool:
    """Whether it is safetensors, or an index of them."""
    return name.endswith(".safetensors") or ".safetensors.index" in name
