"""Which size of a model an OpenAI call means."""

from __future__ import annotations

import re
from typing import Final

from core.catalog.catalog import Catalog
from core.catalog.model import Model
from core.errors import InvalidRequest

SIZE: Final = re.compile(r"(?P<width>[1-9][0-9]{0,4})x(?P<height>[1-9][0-9]{0,4})")


def is_ours(name: str | None, catalog: Catalog) -> bool:
    """Whether the client named a model of this server by its id, and so is taken at its word in everything else.

    One that calls it by an alias has that name built in, and knows nothing of the model's sizes.
    """
    return any(model.id == name for model in catalog.models)


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
