"""The classes and configurations of components, by the names that a model's folder gives them; never its own code."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import diffusers
import transformers

from core.catalog.tensor_info import CheckpointError

LIBRARIES: Final = {"diffusers": diffusers, "transformers": transformers}

WORDS: Final = {"vae": "autoencoder", "unet": "UNet"}
"""What to call a component, where its name is no word."""


def class_of(library: str, name: str) -> Any:  # noqa: ANN401 - any class of an untyped library
    """The class `name` of diffusers or transformers. Raises CheckpointError for another library's."""
    found = getattr(LIBRARIES.get(library), name, None)
    if not isinstance(found, type):
        raise CheckpointError(
            f"the class '{name}' of '{library}' is named: only those of diffusers and transformers are taken"
        )
    return found


def component_config(kind: Any, folder: Path, name: str) -> Any:  # noqa: ANN401
    """The configuration in a component's folder: a dict for classes of diffusers. Raises CheckpointError if none is."""
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"there is no configuration of the {WORDS.get(name, name)}: {folder}/config.json")
    if hasattr(kind, "from_config") and not hasattr(kind, "config_class"):
        return dict(kind.load_config(str(folder), local_files_only=True))
    return kind.config_class.from_pretrained(str(folder), local_files_only=True)
