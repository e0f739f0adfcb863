"""Looks at a model that is one file: what it is, and whether what it lacks lies elsewhere."""

from __future__ import annotations

from pathlib import Path

from app.cli.checks.finding import Finding
from app.stack.memory import GIB
from core.catalog.catalog import Catalog
from core.catalog.checkpoint import Checkpoint, CheckpointError, read_checkpoint
from core.catalog.checkpoint_header import read_header
from core.catalog.families import INDEX
from core.catalog.hub_cache import cached_folder
from core.catalog.model import Model
from core.settings import Settings

MIB = 2**20

OPTIONAL = frozenset({"text_encoder_3"})
"""What a pipeline draws without, if it has to."""


def file_finding(model: Model, file: Path, catalog: Catalog, chosen: Settings) -> Finding:
    """Whether `file`, the source of `model`, can be loaded, by its header and by what lies beside it."""
    what = f"model {model.id}"
    if not model.draws:
        return network_finding(model, file)
    try:
        checkpoint = read_checkpoint(file)
    except (CheckpointError, OSError) as error:
        return Finding(what, "problem", f"{file}: {error}", "fetch the file again; it should be safetensors or GGUF")
    if checkpoint.refusal is not None:
        return Finding(what, "problem", f"{file}: {checkpoint.refusal}", "name the file of a whole model as its source")
    found = f"file {model.source}, {file.stat().st_size / GIB:.1f} GiB: {checkpoint.title}"
    folder = configuration(model, file, checkpoint, catalog)
    if folder is None:
        if model.config is None and chosen.allow_downloads:
            return Finding(what, "ok", f"{found}; its configuration is not downloaded yet")
        advice = f"name a folder of such a model as `config`, or fetch it: 'easel models add {file} --replace'"
        return Finding(what, "problem", f"{found}; nothing says how it is configured", advice)
    if lacking := [part for part in checkpoint.lacks if not is_there(part, model, folder)]:
        advice = "name a folder with all of it as `config` (`vae` and `text_encoder` can be named alone)"
        return Finding(what, "problem", f"{found}; it has no {', '.join(lacking)}, and neither has {folder}", advice)
    return Finding(what, "ok", found)


def network_finding(model: Model, file: Path) -> Finding:
    """Whether `file` is the network that the row says: an upscaler of another kind is only read by a worker."""
    what, found = f"model {model.id}", f"file {model.source}, {file.stat().st_size / MIB:.1f} MiB"
    try:
        checkpoint = read_checkpoint(file)
    except (CheckpointError, OSError) as error:
        if model.family == "upscaler" and is_safetensors(file):
            return Finding(what, "ok", f"{found}; of a kind that spandrel may read: 'easel models check {model.id}'")
        return Finding(what, "problem", f"{file}: {error}", "fetch the file again; it should be safetensors")
    if checkpoint.family != model.family and checkpoint.kind != model.family:
        found = f"{file} is {checkpoint.title}, and the row says family = '{model.family}'"
        return Finding(what, "problem", found, f"write its row anew: 'easel models add {file} --replace'")
    if checkpoint.scale is not None and checkpoint.scale != model.scale:
        found = f"{file} is {checkpoint.title}, and the row says scale = {model.scale}"
        return Finding(what, "problem", found, f"set scale = {checkpoint.scale} in its row")
    return Finding(what, "ok", f"{found}: {checkpoint.title}")


def is_safetensors(file: Path) -> bool:
    """Whether its header can be read."""
    try:
        return read_header(file).format == "safetensors"
    except (CheckpointError, OSError):
        return False


def configuration(model: Model, file: Path, checkpoint: Checkpoint, catalog: Catalog) -> Path | None:
    """The folder that a worker would take its configuration from, without the network; None where there is none."""
    if model.config is not None:
        places = [catalog.local_path(model.config) or cached_folder(model.config)]
    else:
        cached = cached_folder(checkpoint.reference) if checkpoint.reference else None
        places = [cached, file.with_name(f"{file.name}.config")]
    return next((place for place in places if place is not None and (place / INDEX).is_file()), None)


def is_there(part: str, model: Model, folder: Path) -> bool:
    """Whether a component that the file lacks is in `folder`, named in the row, or not needed."""
    named = {"vae": model.vae, "text_encoder": model.text_encoder}.get(part)
    return part in OPTIONAL or named is not None or any((folder / part).glob("*.safetensors"))
