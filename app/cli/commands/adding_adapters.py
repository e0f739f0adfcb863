"""`easel models add` for what guides a model: shown, asked, written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app.cli.client import AskedWrongly
from app.cli.commands.writing_rows import catalog_with, is_to_be_written
from app.cli.models.adapters import FoundAdapter, find_adapter
from app.cli.models.catalog_file import CatalogFile, shown_adapter
from app.cli.models.embeddings import is_embedding, word_for
from app.cli.terminal import console, show

HOW: Final = {"lora": "--lora {id}", "ip-adapter": "--reference {id}=PICTURE"}
"""How the command line asks for an adapter; for the other kinds --control."""


def add_guide(
    file: CatalogFile,
    source: str,
    named: str | None,
    goes_with: Sequence[str],
    *,
    replace: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Find out what it is and write it. Raises AskedWrongly, ClientError, CatalogError."""
    models = tuple(catalog_with(file, model).model(model).id for model in goes_with)
    if is_embedding(source):
        add_embedding(file, source, named, models, yes=yes, dry_run=dry_run, as_json=as_json)
    else:
        found = find_adapter(source, file.catalog(), named, models, replace=replace)
        add_adapter(file, found, yes, dry_run, as_json)


def add_adapter(file: CatalogFile, found: FoundAdapter, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Show the row, ask, write. Raises ClientError where it is not wanted."""
    if not as_json:
        console.print(shown_adapter(found.adapter_id, found.row), markup=False, highlight=False)
        for note in found.notes:
            console.print(f"- {note}", markup=False)
    written = is_to_be_written(file, yes, dry_run)
    if written:
        file.put_adapter(found.adapter_id, found.row)
    if as_json:
        answer = {"id": found.adapter_id, "row": found.row, "written": written, "notes": [*found.notes]}
        show({**answer, "kind": found.row["kind"]}, as_json, str)
    elif written:
        asked = HOW.get(found.row["kind"], "--control {id}=PICTURE").format(id=found.adapter_id)
        console.print(f"added '{found.adapter_id}': easel generate … {asked}", markup=False)


def add_embedding(
    file: CatalogFile,
    source: str,
    word: str | None,
    models: tuple[str, ...],
    *,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """A textual inversion becomes a word of its models. Raises AskedWrongly, ClientError, CatalogError."""
    if not models:
        raise AskedWrongly(f"{source} is a textual inversion, a word for a model: name the model, --for MODEL")
    chosen, path = word_for(source, word), str(Path(source).expanduser().absolute())
    if not as_json:
        for model in models:
            console.print(f'[{model}]\nembeddings = {{ "{chosen}" = "{path}" }}', markup=False, highlight=False)
    written = is_to_be_written(file, yes, dry_run)
    if written:
        file.put_embedding(models, chosen, path)
    if as_json:
        answer = {"id": chosen, "row": {"embeddings": {chosen: path}}, "models": [*models], "written": written}
        show({**answer, "kind": "textual-inversion"}, as_json, str)
    elif written:
        console.print(f"added the word '{chosen}': say it in a prompt", markup=False)
