"""Changes the catalogue's file: comments and order stay, and it is never seen half written."""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import tomlkit
from tomlkit import TOMLDocument
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Item

from app.cli.client import AskedWrongly, ClientError
from core.catalog.catalog import Catalog, CatalogError

DEFAULT: Final = "default"
ADAPTERS: Final = "adapters"
NO_MODELS: Final = (DEFAULT, ADAPTERS)
"""The keys of the file that are no models."""

MARK: Final = "# easel: this row is being changed"


class CatalogFile:
    """The file that EASEL_CATALOG names; where that is a link, the file behind it."""

    def __init__(self, path: Path) -> None:
        """Raises ClientError where there is no such file."""
        self.named = path
        self.path = path.resolve()
        if not self.path.is_file():
            raise ClientError(
                f"there is no catalogue {path}: set EASEL_CATALOG to one that is there, or begin one: touch {path}"
            )

    def catalog(self) -> Catalog | None:
        """What it says now; None while it has no model. Raises CatalogError."""
        return Catalog.load(self.named) if self.ids() else None

    def ids(self) -> tuple[str, ...]:
        """Of its models, in order. Raises CatalogError."""
        return tuple(name for name in self._read() if name not in NO_MODELS)

    def row(self, model_id: str) -> dict[str, Any]:
        """The fields that stand in the row itself, as plain values."""
        return dict(self._read()[model_id].unwrap())

    def check_writable(self) -> None:
        """Raise ClientError unless it can be changed, before anything long is done for it."""
        if os.access(self.path.parent, os.W_OK) and os.access(self.path, os.W_OK):
            return
        raise ClientError(
            f"{self.path} cannot be written by this user: copy it to a folder of yours and set EASEL_CATALOG to the "
            "copy (a relative 'source' in it begins at the file: make it absolute), or run this as the file's owner"
        )

    def put(self, model_id: str, row: Mapping[str, Any], *, default: bool) -> None:
        """Write the row, in the place of one of that id if there is one. Raises CatalogError, ClientError."""

        def change(document: TOMLDocument) -> TOMLDocument:
            if model_id in document:
                text = with_row(document, model_id, shown(model_id, row))
            else:
                text = f"{tomlkit.dumps(document).rstrip()}\n\n{shown(model_id, row)}".lstrip("\n")
            changed = tomlkit.parse(text)
            return with_default(changed, model_id) if default else changed

        self._edit(change)

    def put_adapter(self, adapter_id: str, row: Mapping[str, Any]) -> None:
        """Write the adapter's row, behind everything else. Raises CatalogError, ClientError."""

        def change(document: TOMLDocument) -> TOMLDocument:
            kept = tomlkit.dumps(without_adapter(document, adapter_id)).rstrip()
            return tomlkit.parse(f"{kept}\n\n{shown_adapter(adapter_id, row)}")

        self._edit(change)

    def put_embedding(self, models: Iterable[str], word: str, source: str) -> None:
        """Let `word` stand for a textual inversion in prompts for `models`. Raises CatalogError, ClientError."""

        def change(document: TOMLDocument) -> TOMLDocument:
            for model_id in models:
                table: Any = document[model_id]
                table["embeddings"] = item_of({**table.get("embeddings", {}), word: source})
            return document

        self._edit(change)

    def remove_adapter(self, adapter_id: str) -> None:
        """Take the adapter's row out. Raises CatalogError, ClientError."""
        self._edit(lambda document: without_adapter(document, adapter_id))

    def remove(self, model_id: str) -> None:
        """Take the row out; comments after it may be about the next one, and stay. Raises CatalogError, ClientError."""
        self._edit(lambda document: tomlkit.parse(with_row(document, model_id, "")))

    def make_default(self, model_id: str) -> None:
        """Raises CatalogError, ClientError."""
        self._edit(lambda document: with_default(document, model_id))

    def _read(self) -> TOMLDocument:
        try:
            return tomlkit.parse(self.path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, TOMLKitError) as error:
            raise CatalogError(f"cannot read the model catalogue {self.named}: {error}") from error

    def _edit(self, change: Callable[[TOMLDocument], TOMLDocument]) -> None:
        """Read, change and write it, while no other command of this machine does; never what would be no catalogue."""
        self.check_writable()
        with locked(self.path.parent):
            text = tomlkit.dumps(change(self._read())).rstrip() + "\n"
            descriptor, name = tempfile.mkstemp(prefix=f".{self.path.name}.", suffix=".toml", dir=self.path.parent)
            written = Path(name)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                written.chmod(self.path.stat().st_mode & 0o7777)
                checked(written, self.named)
                written.replace(self.path)
            except OSError as error:
                raise ClientError(f"cannot write {self.path}: {error.strerror}") from error
            finally:
                written.unlink(missing_ok=True)


def checked(written: Path, named: Path) -> None:
    """Raise CatalogError, by the name that people know, if the file would be no good catalogue."""
    try:
        Catalog.load(written)
    except CatalogError as error:
        raise CatalogError(str(error).replace(str(written), str(named))) from error


def item_of(value: Any) -> Item:  # noqa: ANN401 - TOML's own values
    """A value as people write it: `{ width = 512, height = 512 }`."""
    if isinstance(value, Mapping):
        fields = ", ".join(
            f"{tomlkit.key(name).as_string()} = {item_of(each).as_string()}" for name, each in value.items()
        )
        return as_item(f"{{ {fields} }}")
    if isinstance(value, (list, tuple)):
        return as_item(f"[{', '.join(item_of(each).as_string() for each in value)}]")
    item: Item = tomlkit.item(value)
    return item


def as_item(text: str) -> Item:
    """TOML's text of a value, kept as it is written."""
    item: Item = tomlkit.value(text)
    return item


def shown(model_id: str, row: Mapping[str, Any]) -> str:
    """The row as it would stand in the file."""
    document, table = tomlkit.document(), tomlkit.table()
    for name, value in row.items():
        table.add(name, item_of(value))
    document.append(tomlkit.key(model_id), table)
    return tomlkit.dumps(document).strip() + "\n"


def shown_adapter(adapter_id: str, row: Mapping[str, Any]) -> str:
    """The adapter's row as it would stand in the file."""
    header, _, fields = shown(adapter_id, row).partition("\n")
    return f"[{ADAPTERS}.{header.removeprefix('[')}\n{fields}"


def without_adapter(document: TOMLDocument, adapter_id: str) -> TOMLDocument:
    """The document, in which no adapter has that id."""
    adapters: Any = document.get(ADAPTERS)
    if adapters is not None and adapter_id in adapters:
        del adapters[adapter_id]
        if not adapters:
            del document[ADAPTERS]
    return document


def with_default(document: TOMLDocument, model_id: str) -> TOMLDocument:
    """`default` stands above all tables, or it would belong to one of them."""
    if DEFAULT in document:
        document[DEFAULT] = model_id
        return document
    begun = tomlkit.document()
    begun.add(DEFAULT, model_id)
    return tomlkit.parse(f"{tomlkit.dumps(begun)}\n{tomlkit.dumps(document)}")


def with_row(document: TOMLDocument, model_id: str, row: str) -> str:
    """The text of the document with `row` in the place of the model's table.

    Comments and blank lines behind the table's last field stay: they stand before the next one.
    """
    table: Any = document[model_id]
    body = table.value.body
    last = max((number for number, (key, _) in enumerate(body) if key is not None), default=-1)
    del body[: last + 1]
    table.trivia.comment_ws, table.trivia.comment = " ", MARK
    marked = rf"^[^\n]*{MARK}\n" if row else rf"^[^\n]*{MARK}\n\n?"
    return re.sub(marked, lambda match: row, tomlkit.dumps(document), flags=re.MULTILINE)


def check_id(model_id: str, taken: tuple[str, ...]) -> None:
    """Raise AskedWrongly unless the catalogue has it."""
    if model_id not in taken:
        raise AskedWrongly(f"there is no model '{model_id}' in the catalogue: it has {', '.join(taken) or 'none'}")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One at a time, and nothing is left lying there: the lock is the folder itself."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
