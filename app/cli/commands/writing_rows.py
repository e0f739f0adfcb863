"""What commands that write into the catalogue ask before they do."""

from __future__ import annotations

import sys

import typer

from app.cli.client import AskedWrongly, ClientError
from app.cli.models.catalog_file import CatalogFile, check_id
from core.catalog.catalog import Catalog


def catalog_with(file: CatalogFile, model_id: str) -> Catalog:
    """The catalogue, which has a model of that id or alias. Raises AskedWrongly, CatalogError."""
    catalog = file.catalog()
    names = [name for model in catalog.models for name in (model.id, *model.aliases)] if catalog else []
    check_id(model_id, tuple(names))
    return Catalog.load(file.named)


def is_to_be_written(file: CatalogFile, yes: bool, dry_run: bool) -> bool:
    """Whether what was shown goes into the catalogue. Raises ClientError where somebody says no."""
    if not dry_run and not (yes or agreed(f"Write this into {file.path}?")):
        raise ClientError("not added: the catalogue is as it was")
    return not dry_run


def must_be_asked(yes: bool, otherwise: str = "") -> None:
    """Raise AskedWrongly where a question would have nobody to answer it."""
    if not yes and not is_terminal():
        raise AskedWrongly("nobody is there to be asked: say --yes" + (f", or, {otherwise}" if otherwise else ""))


def is_terminal() -> bool:
    """Whether somebody may answer on standard input."""
    return sys.stdin.isatty()


def agreed(question: str) -> bool:
    """The answer of the person at the terminal; Ctrl-C is Ctrl-C. Raises KeyboardInterrupt."""
    try:
        return typer.confirm(question, default=True, err=True)
    except typer.Abort:
        raise KeyboardInterrupt from None
