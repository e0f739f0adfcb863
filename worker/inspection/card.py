"""What the model card of a folder (README.md, with YAML front matter as the hub has it) says of its model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped] # it comes with huggingface_hub, its types with no package of ours

MAX_DESCRIPTION: Final = 200
FRONT_MATTER: Final = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
NO_PROSE: Final = ("#", "<", "!", "|", "[", "```", ">", "-", "*", "=", "{")
"""How the lines of a card begin that are no sentence about the model."""

READ_BYTES: Final = 200_000


def card_of(folder: Path) -> dict[str, Any]:
    """`license`, `description` and `tags` of the card; empty where it says nothing, or there is none."""
    try:
        with (folder / "README.md").open(encoding="utf-8", errors="replace") as file:
            text = file.read(READ_BYTES)
    except OSError:
        text = ""
    found = FRONT_MATTER.match(text)
    try:
        said = yaml.safe_load(found[1]) if found else {}
    except yaml.YAMLError:
        said = {}
    told = said if isinstance(said, dict) else {}
    tags = told.get("tags") or []
    return {
        "license": license_of(told),
        "description": first_sentence(text[found.end() :] if found else text),
        "tags": [str(tag) for tag in tags] if isinstance(tags, list) else [],
    }


def license_of(told: dict[str, Any]) -> str:
    """The licence's own name where the hub's list has none for it ("other")."""
    plain = told.get("license")
    named = told.get("license_name") if plain in (None, "other") else plain
    return str(named or plain or "")


def first_sentence(text: str) -> str:
    """The first line of prose, up to `MAX_DESCRIPTION` characters; empty where there is none."""
    for block in re.split(r"\n\s*\n", text):
        line = " ".join(block.split())
        if len(line) < 20 or line.startswith(NO_PROSE):
            continue
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"[*_`]{1,3}", "", line))
        sentence = re.split(r"(?<=[.!?])\s", plain, maxsplit=1)[0]
        return sentence if len(sentence) <= MAX_DESCRIPTION else sentence[: MAX_DESCRIPTION - 1].rstrip() + "…"
    return ""
