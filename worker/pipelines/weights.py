"""Tells a safetensors file by its content, and refuses a model folder with other weights before any is loaded."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from safetensors import SafetensorError, safe_open

from core.catalog.checkpoint_header import read_header
from core.catalog.tensor_info import CheckpointError
from core.errors import JobFailure

HARMLESS: Final = frozenset(
    {".json", ".txt", ".md", ".rst", ".model", ".tiktoken", ".jinja", ".yaml", ".yml", ".toml", ".csv", ".tsv", ".html",
     ".png", ".jpg", ".jpeg", ".webp", ".gif", ".svg", ".bmp", ".pdf", ".py", ".pyi", ".ipynb", ".lock", ".metadata"}
)  # fmt: skip
"""Files that are read as text or pictures, or, as Python files, never: no loader runs code from a model's folder."""

HARMLESS_NAMES: Final = re.compile(
    r"(licen[sc]e|readme|notice|copying|authors|changelog)[a-z0-9_-]*(\.\d+)?"
    r"|\.gitattributes|\.gitignore|\.ds_store|cachedir\.tag|thumbs\.db"
)

CODE: Final = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04", b"\x93NUMPY", b"\x89HDF", b"GGUF")
"""How pickles, zip archives of them and other containers of weights begin."""

WAY_OUT: Final = (
    "load the model once where you trust it and save it again with save_pretrained(..., safe_serialization=True)"
)


def check_weights(folder: Path) -> None:
    """Raise JobFailure (`model_load_failed`) unless every component's weights are safetensors by content.

    What is not known to be harmless counts as weights, whatever its name and case. Other weight files may lie beside
    safetensors of the same component: they are never opened, because every loader is told to take safetensors only.
    """
    for index in sorted(folder.rglob("*.safetensors.index.json")):
        if strange := strange_shards(index):
            raise JobFailure(
                f"'{index.relative_to(folder)}' of the model names '{strange[0]}': no safetensors file beside it",
                code="model_load_failed",
            )
    for component in (folder, *sorted(path for path in folder.rglob("*") if path.is_dir())):
        if ".git" not in component.relative_to(folder).parts:
            _check_component(component, folder)


def _check_component(component: Path, folder: Path) -> None:
    weights = sorted(path for path in component.iterdir() if path.is_file() and not is_harmless(path))
    safe = [path for path in weights if path.suffix.lower() == ".safetensors"]
    for path in safe:
        if not is_safetensors(path):
            raise JobFailure(
                f"'{path.relative_to(folder)}' of the model is not a safetensors file, whatever its name says"
                f"{damage_of(path)}",
                code="model_load_failed",
            )
    if not any(path.suffix == ".safetensors" for path in safe) and weights:
        raise JobFailure(
            f"'{weights[0].relative_to(folder)}' of the model is not safetensors, and not known to be harmless: "
            f"if it has weights, {WAY_OUT}; else take it out of the folder",
            code="model_load_failed",
        )


def is_harmless(path: Path) -> bool:
    """Whether a file is of a kind that no loader takes for weights, by its name and by how it begins."""
    if path.suffix.lower() not in HARMLESS and not HARMLESS_NAMES.fullmatch(path.name.lower()):
        return False
    with path.open("rb") as file:
        return not file.read(8).startswith(CODE)


def damage_of(path: Path) -> str:
    """What is wrong with a file that should be safetensors, as the end of a sentence."""
    try:
        read_header(path)
    except CheckpointError as error:
        return f": {error}"
    return ""


def is_safetensors(path: Path) -> bool:
    """Whether the format's own parser takes the header and finds all of what it names in the file, no more or less."""
    try:
        with safe_open(path, framework="pt"):
            return True
    except (SafetensorError, OSError):
        return False


def strange_shards(index: Path) -> list[str]:
    """What the index of a split file names besides safetensors: whoever loads it would open that too, by its name."""
    try:
        named = {str(name) for name in json.loads(index.read_bytes())["weight_map"].values()}
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        return [index.name]
    return sorted(name for name in named if not name.endswith(".safetensors") or "/" in name or "\\" in name)
