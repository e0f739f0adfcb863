"""LoRAs that belong to a model for good: what a person named, brought here, looked at, and how strongly it is meant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.cli.client import AskedWrongly
from app.cli.models.child import ask
from app.cli.models.facts import Facts
from app.cli.models.sources import Source, source_of
from core.catalog.checkpoint import Checkpoint, CheckpointError, read_checkpoint
from core.catalog.checkpoint_adapters import FAMILY_TITLES
from core.catalog.few_step_names import lora_names
from core.catalog.few_steps import few_steps
from core.catalog.model import MOST_LORA_SCALE

USUAL: Final = ("pytorch_lora_weights.safetensors", "adapter_model.safetensors")
"""What libraries call the file of a LoRA in its folder."""

FITTING: Final = {
    "sd15": {"sd15", "sd2"},
    "sdxl": {"sdxl"},
    "flux": {"flux"},
    "flux-kontext": {"flux"},
    "sd3": set[str](),
}
"""The families of LoRAs, of those that shapes tell, that a family of models takes; of others nothing is known."""


@dataclass(frozen=True, slots=True)
class Lora:
    """`source` is how a row names it, `scale` how strongly, None where nobody said; `names` what it is called."""

    source: str
    names: tuple[str, ...]
    scale: float | None
    family: str


def loras_named(typed: Iterable[str]) -> list[Lora]:
    """What `--lora` names, each on this disk now. Raises AskedWrongly, ClientError."""
    found = [_lora(each) for each in typed]
    sources = [lora.source for lora in found]
    if twice := next((source for source in sources if sources.count(source) > 1), None):
        raise AskedWrongly(f"--lora {twice}: it is named twice; name it once, with its strength: {twice}:1.5")
    return found


def scaled(loras: Iterable[Lora], facts: Facts) -> dict[str, float]:
    """The field `loras` of the row, and what they are meant at where nobody said. Raises AskedWrongly for misfits."""
    told = {}
    for lora in loras:
        if lora.family in FAMILY_TITLES and lora.family not in FITTING.get(facts.family, FAMILY_TITLES):
            raise AskedWrongly(
                f"--lora {lora.source}: it was made for {FAMILY_TITLES[lora.family]}, and the model is of the family "
                f"{facts.family}"
            )
        kind = few_steps((), facts.configuration, lora.names)
        usual = kind.lora_scale if kind is not None else 1.0
        told[lora.source] = usual if lora.scale is None else lora.scale
    return told


def place_and_scale(typed: str) -> tuple[str, float | None]:
    """`FILE_OR_ID[:SCALE]` in its parts. Raises AskedWrongly for a strength that no row may have."""
    place, colon, said = typed.strip().rpartition(":")
    if not colon or Path(typed).expanduser().exists() or not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)", said):
        return typed.strip(), None
    if abs(float(said)) > MOST_LORA_SCALE:
        raise AskedWrongly(f"--lora {typed}: the strength {said} is not between -10 and 10; 1 is as it was trained")
    return place, float(said)


def _lora(typed: str) -> Lora:
    place, scale = place_and_scale(typed)
    folder = Path(place).expanduser()
    source = Source(path=_in_folder(folder)) if folder.is_dir() else source_of(place)
    if source.path is not None:
        file = source.path.absolute()
        named = str(file)
    else:
        question = {"do": "fetch", "repo": source.repo, "revision": source.revision, "file": source.file}
        answer = ask("worker.inspection", {**question, "component": None if source.file else "lora"})
        file = Path(answer["file"])
        named = f"{source.repo}/{source.file or answer['name']}" + (f"@{source.revision}" if source.revision else "")
    checkpoint = _looked_at(file, place)
    return Lora(named, lora_names(named, file), scale, checkpoint.family)


def _in_folder(folder: Path) -> Path:
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() == ".safetensors")
    usual = [file for file in files if file.name in USUAL]
    if len(usual or files) == 1:
        return (usual or files)[0]
    if not files:
        raise AskedWrongly(f"--lora {folder}: there is no .safetensors file in that folder")
    raise AskedWrongly(f"--lora {folder}: it has several files; name one: {', '.join(file.name for file in files[:5])}")


def _looked_at(file: Path, place: str) -> Checkpoint:
    try:
        checkpoint = read_checkpoint(file)
    except CheckpointError as error:
        raise AskedWrongly(f"--lora {place}: {error}") from error
    if checkpoint.kind != "lora" or checkpoint.format != "safetensors":
        raise AskedWrongly(f"--lora {place}: the file is {checkpoint.title}, and a LoRA of safetensors is wanted")
    return checkpoint
