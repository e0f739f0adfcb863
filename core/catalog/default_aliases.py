"""Names that clients of other services have built in, and which model each means where no row has it as an alias."""

from __future__ import annotations

import re
from typing import Final

from core.catalog.catalog import Catalog
from core.catalog.model import Model

THEIRS: Final = re.compile(r"dall-e-[23]|(chat)?gpt-image-[a-z0-9._-]{1,40}")


SHOWN: Final = (
    "chatgpt-image-latest",
    "dall-e-2",
    "dall-e-3",
    "gpt-image-1",
    "gpt-image-1-mini",
    "gpt-image-1.5",
    "gpt-image-2",
    "gpt-image-2.5-flare",
    "gpt-image-2.5-sunburst",
    "gpt-image-2.6-flare",
    "gpt-image-2.6-sunburst",
)
"""Those of them that clients are told of: the models that OpenAI's own client knows, without their dates."""


def is_own_name(name: str | None, catalog: Catalog) -> bool:
    """Whether it is the id or an alias of a row."""
    return any(name in (model.id, *model.aliases) for model in catalog.models)


def model_meant(name: str | None, task: str, catalog: Catalog) -> Model:
    """The model that `name` means; none, or one of theirs, is our default, or else the first that does `task`.

    Raises NotFound (`model_not_found`).
    """
    if name and (is_own_name(name, catalog) or not THEIRS.fullmatch(name)):
        return catalog.model(name)
    return catalog.model_for(task)


def names_of(model: Model, task: str, catalog: Catalog) -> tuple[str, ...]:
    """All names that lead to `model`: its aliases, and those of theirs that mean it where somebody wants `task`."""
    theirs = (name for name in SHOWN if name not in model.aliases)
    return (*model.aliases, *(name for name in theirs if model_meant(name, task, catalog).id == model.id))
