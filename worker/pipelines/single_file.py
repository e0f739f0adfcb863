"""Opens a model that is one file of weights; configuration and tokenizers come from a folder, nothing from the net."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import diffusers
import torch
from diffusers import GGUFQuantizationConfig
from diffusers.models.model_loading_utils import load_gguf_checkpoint
from safetensors.torch import load_file

from core.catalog.checkpoint import Checkpoint
from core.catalog.checkpoint_parts import split
from core.catalog.families import INDEX
from core.catalog.model import Model
from core.catalog.tensor_info import CheckpointError
from worker.pipelines.clip_vocabulary import clip_tokenizer
from worker.pipelines.component_classes import WORDS, class_of, component_config
from worker.pipelines.component_weights import build
from worker.pipelines.weights import check_weights

CLIP_HINT: Final = ", or install open_clip_torch, whose vocabulary of CLIP is taken"

NEVER: Final = frozenset({"safety_checker", "feature_extractor", "image_encoder", "watermark"})
"""Components that a pipeline draws without."""


def open_single_file(
    row: Model, path: Path, checkpoint: Checkpoint, folder: Path, dtype: torch.dtype, given: Mapping[str, Any]
) -> Any:  # noqa: ANN401 - diffusers is untyped
    """The pipeline of the file `path` in `dtype`, on the CPU, configured as `folder` says.

    `checkpoint` is what the file is; components in `given` replace its own. Raises CheckpointError, in words for the
    owner of the machine, if something is lacking.
    """
    kind: Any = getattr(diffusers, row.pipeline or str(checkpoint.pipeline), None)
    if kind is None:
        raise CheckpointError(f"diffusers has no pipeline '{row.pipeline or checkpoint.pipeline}'")
    index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    parts = split(read_tensors(path, checkpoint)).components
    if checkpoint.kind == "sdxl-refiner" and "text_encoder" in parts and "text_encoder_2" not in parts:
        parts["text_encoder_2"] = parts.pop("text_encoder")
    components: dict[str, Any] = {}
    for name in _components(kind, index):
        library, wanted = index[name]
        if name in given:
            components[name] = given[name]
        elif name in NEVER or library is None:
            components[name] = None
        elif name in parts:
            components[name] = _from_file(name, class_of(library, wanted), folder, parts[name], checkpoint, dtype)
        else:
            components[name] = _from_folder(name, class_of(library, wanted), folder, kind, dtype)
    settings = {key: index[key] for key in inspect.signature(kind).parameters if key in index and key not in components}
    if "requires_safety_checker" in inspect.signature(kind).parameters:
        settings["requires_safety_checker"] = False
    pipeline = kind(**components, **settings)
    if checkpoint.scheduler_config:
        scheduler = pipeline.scheduler
        pipeline.scheduler = type(scheduler).from_config(scheduler.config, **checkpoint.scheduler_config)
    return pipeline


def read_tensors(path: Path, checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    """All tensors of the file, as they are stored: the format is the one that its content has."""
    if checkpoint.format == "gguf":
        found: dict[str, torch.Tensor] = load_gguf_checkpoint(str(path))  # type: ignore[no-untyped-call]
        return found
    return load_file(path)


def _components(kind: Any, index: dict[str, Any]) -> list[str]:  # noqa: ANN401
    taken = inspect.signature(kind).parameters
    listed = [name for name, value in index.items() if isinstance(value, list) and len(value) == 2 and name in taken]
    needed = [name for name, each in taken.items() if each.default is each.empty and name not in listed]
    if left := [name for name in needed if name not in NEVER]:
        raise CheckpointError(f"the configuration is another pipeline's: it names no {', '.join(left)}")
    index |= {name: [None, None] for name in needed}
    return [*listed, *needed]


def _from_file(
    name: str,
    kind: Any,  # noqa: ANN401
    folder: Path,
    tensors: dict[str, torch.Tensor],
    checkpoint: Checkpoint,
    dtype: torch.dtype,
) -> Any:  # noqa: ANN401
    if checkpoint.format == "gguf":
        return _quantised(name, kind, folder, tensors, dtype)
    config = component_config(kind, folder / name, name)
    if name == "unet" and isinstance(config, dict):
        config["in_channels"] = checkpoint.channels
    return build(kind, config, tensors, dtype, WORDS.get(name, name))


def _quantised(name: str, kind: Any, folder: Path, tensors: dict[str, torch.Tensor], dtype: torch.dtype) -> Any:  # noqa: ANN401
    component_config(kind, folder / name, name)
    module = kind.from_single_file(
        tensors,
        config=str(folder),
        subfolder=name,
        quantization_config=GGUFQuantizationConfig(compute_dtype=dtype),  # type: ignore[no-untyped-call]
        dtype=dtype,
        local_files_only=True,
    )
    if missing := [key for key, tensor in module.state_dict().items() if tensor.is_meta]:
        raise CheckpointError(f"'{missing[0]}' of the {name} is missing in the file, or its configuration is another's")
    return module


def _from_folder(name: str, kind: Any, folder: Path, pipeline: Any, dtype: torch.dtype) -> Any:  # noqa: ANN401
    """What the file does not have: schedulers, tokenizers, and components whose weights lie in the folder."""
    optional = name in pipeline._optional_components or name == "text_encoder_3"
    is_module = issubclass(kind, torch.nn.Module)
    if is_module and any((folder / name).glob("*.safetensors")):
        check_weights(folder / name)
        return kind.from_pretrained(
            str(folder), subfolder=name, dtype=dtype, use_safetensors=True, local_files_only=True
        )
    if is_module:
        if optional:
            return None
        field = "vae" if name == "vae" else "text_encoder" if name == "text_encoder" else "config"
        raise CheckpointError(
            f"the file has no {WORDS.get(name, name)}, and neither has {folder}: name a folder with it as `{field}`"
        )
    if "tokenizer" in name and not _has_tokenizer(folder / name):
        if "CLIP" in kind.__name__ and (made := clip_tokenizer(kind, folder / name)) is not None:
            return made
        if optional or name == "tokenizer_3":
            return None
        raise CheckpointError(
            f"no tokenizer: {folder / name} has none. A file of weights carries none; name a folder or a cached hub "
            "id that has it as `config`" + CLIP_HINT * ("CLIP" in kind.__name__)
        )
    return kind.from_pretrained(str(folder), subfolder=name, local_files_only=True)


def _has_tokenizer(folder: Path) -> bool:
    return any(
        (folder / each).is_file()
        for each in ("vocab.json", "tokenizer.json", "spiece.model", "vocab.txt", "tokenizer.model")
    )
