"""All pipelines of the zoo by name, and how they are saved."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.zoo import dits, editors, flux, kolors, others, qwen, t5, unets
from tests.zoo.entry import Entry

ZOO: dict[str, Entry] = {
    **flux.ENTRIES,
    **unets.ENTRIES,
    **qwen.ENTRIES,
    **editors.ENTRIES,
    **t5.ENTRIES,
    **dits.ENTRIES,
    **others.ENTRIES,
    **kolors.ENTRIES,
}


def save(name: str, folder: Path) -> Path:
    """The pipeline `name` in its own folder under `folder`, the same weights in every run."""
    torch.manual_seed(0)
    ZOO[name].build().save_pretrained(folder / name, safe_serialization=True)
    return folder / name
