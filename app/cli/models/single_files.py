"""Single files of weights: what they are is told from their header, how they are configured from a folder beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from app.cli.client import AskedWrongly, ClientError
from app.cli.models.child import ask
from app.cli.models.facts import Facts
from app.cli.models.sizes import vae_scale
from core.catalog.checkpoint import Checkpoint, CheckpointError, read_checkpoint
from core.catalog.checkpoint_config import write_config
from core.settings import Settings

HINTS: Final = {
    "lora": "; with the model that it is for: easel models add MODEL --lora PATH",
    "upscaler": "; it is of a kind that only a worker with spandrel reads (pip install 'easel[upscalers]'), and its "
    'scale is not told by its header: write a row by hand, with source = "PATH", family = "upscaler" and scale',
}
"""What to do with a file that draws nothing by itself, by its kind."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """The folder with a file's configuration and tokenizers; `named` is what the row says of it, None for nothing."""

    folder: Path
    named: str | None = None


def checkpoint_of(path: Path) -> Checkpoint:
    """What the file is. Raises AskedWrongly for what is no model that draws, in words."""
    try:
        checkpoint = read_checkpoint(path)
    except CheckpointError as error:
        raise AskedWrongly(f"{path}: {error}") from error
    if checkpoint.refusal is not None:
        hint = HINTS.get(checkpoint.kind, "").replace("PATH", str(path))
        raise AskedWrongly(f"{path} cannot be added: {checkpoint.refusal}{hint}")
    return checkpoint


def configuration_of(path: Path, checkpoint: Checkpoint, asked: Mapping[str, Any], settings: Settings) -> Configuration:
    """The one that was asked for, the one beside the file, or the original model's, fetched if it has to be.

    Raises AskedWrongly, ClientError, saying what to name instead.
    """
    named = asked.get("config")
    if named is not None and Path(named).is_dir():
        return Configuration(Path(named), named)
    beside = path.with_name(f"{path.name}.config")
    if named is None and beside.is_dir():
        return Configuration(beside)
    repo = named or checkpoint.reference
    if repo is None:
        raise AskedWrongly(
            f"{path} is {checkpoint.title}: name a folder with the configuration of such a model: --config"
        )
    given = [part for part in ("vae", "text_encoder") if asked.get(part)]
    question = {"do": "fetch", "repo": repo, "parts": [part for part in checkpoint.lacks if part not in given]}
    try:
        answer = ask("worker.inspection", {**question, "device": settings.device, "dtype": asked.get("dtype")})
    except (AskedWrongly, ClientError) as error:
        if named is None and not checkpoint.lacks and has_vocabulary():
            return Configuration(made_of_shapes(path, beside))
        lacks = ", ".join(("its configuration", *checkpoint.lacks))
        raise type(error)(
            f"{path.name} is {checkpoint.title} and has not all that it needs ({lacks}): name a folder of such a model "
            f"with --config FOLDER. The original one could not be had: {error}"
        ) from error
    return Configuration(Path(answer["folder"]), repo)


def has_vocabulary() -> bool:
    """Whether CLIP's tokenizer can be had without the hub (worker/pipelines/clip_vocabulary.py)."""
    return find_spec("open_clip") is not None


def made_of_shapes(path: Path, folder: Path) -> Path:
    """The configuration that the file's own shapes tell, written beside it. Raises AskedWrongly, ClientError."""
    try:
        return write_config(path, folder)
    except CheckpointError as error:
        raise AskedWrongly(f"{path}: {error}") from error
    except OSError as error:
        raise ClientError(
            f"cannot write {folder}: {error.strerror}; name a folder of such a model: --config"
        ) from error


def facts_of(checkpoint: Checkpoint, told: Facts) -> Facts:
    """What the configuration says (`told`), where the file itself does not say better."""
    defaults = dict(told.defaults)
    for name in ("guidance_scale", "num_inference_steps"):
        if (value := getattr(checkpoint, name)) is not None:
            defaults[name] = value
    return told.evolve(
        family=checkpoint.family,
        tasks=checkpoint.tasks or told.tasks,
        defaults=defaults,
        scheduler={**told.scheduler, **checkpoint.scheduler_config},
        scheduler_is_own=False,
        denoiser={**told.denoiser, "sample_size": checkpoint.width // vae_scale(told.vae)},
        card=told.card.evolve(description="", license=""),
    )


def notes_of(checkpoint: Checkpoint) -> tuple[str, ...]:
    """What a person should know of the file, in words."""
    told = [f"{checkpoint.title}, in {checkpoint.precision}"]
    if checkpoint.lacks:
        told.append(f"not in the file, and taken from its configuration's folder: {', '.join(checkpoint.lacks)}")
    return (*told, *(f"in the file as well: {each}" for each in checkpoint.extra))
