"""Which of our models an OpenAI model name means, and which of its sizes."""

from __future__ import annotations

import re
from typing import Final

from core.catalog.catalog import Catalog
from core.catalog.model import Model
from core.errors import InvalidRequest

THEIRS: Final = re.compile(r"dall-e-[23]|(chat)?gpt-image-[a-z0-9._-]{1,40}")
"""Names that clients have built in; here they mean the model that does the task."""

SIZE: Final = re.compile(r"(?P<width>[1-9][0-9]{0,4})x(?P<height>[1-9][0-9]{0,4})")


def is_ours(name: str | None, catalog: Catalog) -> bool:
    """Whether the client named a model of this server, and so is taken at its word in everything else."""
    return any(model.id == name for model in catalog.models)


def model_for(name: str | None, task: str, catalog: Catalog) -> Model:
    """The model that `name` means; none, or one of theirs, is our default, or else the first that does `task`.

    Raises NotFound (`model_not_found`).
    """
    if name and (is_ours(name, catalog) or not THEIRS.fullmatch(name)):
        return catalog.model(name)
    default = catalog.model(None)
    return next((model for model in (default, *catalog.models) if task in model.tasks), default)


def size_for(size: str | None, model: Model, *, exactly: bool, given: tuple[int, int] | None = None) -> tuple[int, int]:
    """Width and height; `auto` is near the `given` picture's, or the model's own. Raises InvalidRequest for no size.

    A client that does not know our models asks for sizes of theirs: unless `exactly`, it gets the nearest that fits.
    """
    if size in (None, "", "auto"):
        return model.size.fitted(*given) if given else (model.size.width, model.size.height)
    match = SIZE.fullmatch(size or "")
    if match is None:
        raise InvalidRequest(
            f"'size' must be 'auto' or WIDTHxHEIGHT in pixels, such as "
            f"'{model.size.width}x{model.size.height}', not '{(size or '')[:60]}'",
            code="invalid_size",
            param="size",
        )
    width, height = int(match["width"]), int(match["height"])
    return (width, height) if exactly else model.size.fitted(width, height)
