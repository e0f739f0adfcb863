"""Names that clients of other services have built in, and which model each means where no row has it as an alias."""

from __future__ import annotations

import re
from typing import Final

from core.catalog.catalog import Catalog
from core.catalog.model import Model

THEIRS: Final = re.compile(r"dall-e-[23]|(chat)?gpt-image-[a-z0-9._-]{1,40}")


def is_own_name(name: str | None, catalog: Catalog) -> bool:
    """Whether it is the id or an alias of a row."""
    return any(name in (model.id, *model.aliases) for model in catalog.models)


def model_meant(name: str | None, task: str, catalog: Catalog) -> Model:
    """The model that `name` means; none, or one of theirs, is our default, or else the first that does `task`.

    Raises NotFound (`model_not_found`).
    """
    if name and (is_own_name(name, catalog) or not THEIRS.fullmatch(name)):
        return catalog.model(name)
    default = catalog.model(None)
    return next((model for model in (default, *catalog.models) if task in model.tasks), default)
