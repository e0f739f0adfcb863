"""Options that several commands about models have."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from app.cli.client import AskedWrongly

ModelArgument = Annotated[str, typer.Argument(help="A model's id or alias, of 'easel models'.", metavar="ID")]
SizeOption = Annotated[str | None, typer.Option(help="Width x height in pixels, such as 1024x768.")]


def size_of(said: str | None) -> tuple[int, int] | None:
    """Raises AskedWrongly for what is no size."""
    if said is None:
        return None
    match = re.fullmatch(r"([0-9]{1,4})[x×]([0-9]{1,4})", said.strip().lower())
    if match is None or not all(8 <= int(side) <= 4096 for side in match.groups()):
        raise AskedWrongly(f"--size {said}: width x height in pixels, 8 to 4096 each, such as 1024x768")
    return int(match[1]), int(match[2])
