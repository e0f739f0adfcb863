"""An adapter for the catalogue: what a person named, brought here and looked at, as a row beside the models."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.cli.client import AskedWrongly
from app.cli.models.loras import FITTING, Lora, loras_named, place_and_scale
from app.cli.models.picture_adapters import picture_adapter_at, row_of
from app.cli.models.proposals import id_for
from core.catalog.catalog import Catalog
from core.catalog.checkpoint import CheckpointError, read_checkpoint
from core.catalog.checkpoint_adapters import FAMILY_TITLES
from core.catalog.checkpoint_header import read_header
from core.lora_tags import read_weight

WEIGHTS_IN_FILE: Final = ("preferred_weight", "preferred weight", "ss_preferred_weight")
MOST_WORDS: Final = 8


@dataclass(frozen=True, slots=True)
class FoundAdapter:
    """A row that could be written, and in words what it was told from."""

    adapter_id: str
    row: dict[str, Any]
    notes: tuple[str, ...]


def is_adapter(typed: str) -> bool:
    """Whether a file or folder on this disk is a LoRA, a ControlNet or the like, and no model."""
    path = Path(place_and_scale(typed)[0]).expanduser()
    if picture_adapter_at(path) is not None:
        return True
    if path.is_dir():
        return (path / "adapter_config.json").is_file()
    try:
        return path.is_file() and path.suffix == ".safetensors" and read_checkpoint(path).kind == "lora"
    except CheckpointError:
        return False


def find_adapter(
    typed: str, catalog: Catalog | None, adapter_id: str | None, models: tuple[str, ...], *, replace: bool
) -> FoundAdapter:
    """Raises AskedWrongly, ClientError; the catalogue is not touched."""
    taken = tuple(row.id for row in catalog.adapters) if catalog else ()
    if adapter_id in taken and not replace:
        raise AskedWrongly(f"there is an adapter '{adapter_id}' already: --replace writes its row anew")
    place, scale = place_and_scale(typed)
    if (guide := picture_adapter_at(Path(place).expanduser())) is not None:
        said: list[str] = []
        told_row = row_of(guide, models, said) | ({"weight": scale} if scale is not None else {})
        guide_id = adapter_id or id_for(
            guide.place.stem if guide.place.is_file() else guide.place.name, () if replace else taken
        )
        return FoundAdapter(guide_id, told_row, tuple(said))
    (lora,) = loras_named([typed])
    named = adapter_id or id_for(Path(lora.source).stem, () if replace else taken)
    file = Path(lora.source)
    notes: list[str] = []
    told = metadata_of(file)
    words = trigger_words(told)
    row: dict[str, Any] = {"kind": "lora", "source": lora.source}
    row |= {"models": [*models]} if models else {"family": family_of(lora, notes)}
    weight = lora.scale if lora.scale is not None else weight_of(told)
    if weight is not None:
        row["weight"] = weight
    if words:
        row["trigger_words"] = [*words]
        notes.append(f"it was trained on the words {', '.join(words)}")
    if told.get("ss_output_name") or told.get("modelspec.title"):
        row["description"] = told.get("modelspec.title") or told["ss_output_name"]
    return FoundAdapter(named, row, tuple(notes))


def family_of(lora: Lora, notes: list[str]) -> str:
    """The family of models that it goes with, as rows name it. Raises AskedWrongly where nothing tells it."""
    fitting = [family for family, loras in FITTING.items() if lora.family in loras]
    if not fitting:
        raise AskedWrongly(
            f"the LoRA {lora.source}: its shapes do not tell which models it goes with: name them, --for MODEL, once "
            f"or more; or make it part of one for good: easel models add MODEL --lora {lora.source}"
        )
    notes.append(f"it goes with models of the family {fitting[0]}: it was made for {FAMILY_TITLES[lora.family]}")
    return fitting[0]


def metadata_of(file: Path) -> Mapping[str, str]:
    """What the file says of itself; nothing where it is not on this disk."""
    return read_header(file).metadata if file.is_file() else {}


def trigger_words(told: Mapping[str, str]) -> tuple[str, ...]:
    """Those that the file names; else, of kohya's counts of captions, those that stand in all of them."""
    if said := told.get("modelspec.trigger_phrase", "").strip():
        return tuple(word.strip() for word in said.split(",") if word.strip())[:MOST_WORDS]
    try:
        counts = json.loads(told.get("ss_tag_frequency", "{}"))
        images = json.loads(told.get("ss_dataset_dirs", "{}"))
        total = sum(folder["img_count"] for folder in images.values())
        tags: dict[str, int] = {}
        for folder in counts.values():
            for tag, count in folder.items():
                tags[tag.strip()] = tags.get(tag.strip(), 0) + int(count)
    except (ValueError, TypeError, KeyError, AttributeError):
        return ()  # free text that any tool may write
    everywhere = [tag for tag, count in tags.items() if total and count >= total and re.fullmatch(r"[^,]{1,60}", tag)]
    return tuple(everywhere[:MOST_WORDS])


def weight_of(told: Mapping[str, str]) -> float | None:
    """How strongly its maker means it, where the file says so."""
    said = (read_weight(told.get(name)) for name in WEIGHTS_IN_FILE)
    return next((weight for weight in said if weight is not None), None)
