"""The row that fits a model: what its files say, what is usual in its family, and what the person asked for."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from app.cli.client import AskedWrongly
from app.cli.models.catalog_file import DEFAULT
from app.cli.models.facts import Facts
from app.cli.models.sampling import sampling_of
from app.cli.models.sizes import size_of
from core.catalog.catalog import Catalog

MAX_ID: Final = 64
MAX_DESCRIPTION: Final = 200


@dataclass(frozen=True, slots=True)
class Proposal:
    """A row, and in words what it was told from."""

    row: dict[str, Any]
    notes: tuple[str, ...] = ()

    def with_notes(self, notes: tuple[str, ...]) -> Proposal:
        """The same, with `notes` first."""
        return replace(self, notes=(*notes, *self.notes))


def proposed(
    facts: Facts,
    source: Mapping[str, Any],
    names: Iterable[str],
    asked: Mapping[str, Any],
    size: tuple[int, int] | None = None,
    *,
    loras: Iterable[str] = (),
) -> Proposal:
    """The row of a model: `source` has the fields that say where it lies, `asked` those that a person set.

    `names` are what it is called, `loras` what the LoRAs are called that belong to it.
    """
    sampling, notes = sampling_of(facts, names, loras)
    row: dict[str, Any] = {
        **source,
        "family": facts.family,
        "description": facts.card.description[:MAX_DESCRIPTION],
        "license": facts.card.license,
        "tasks": list(facts.tasks),
        "size": size_of(facts, size),
        **sampling,
    }
    return Proposal(
        {key: value for key, value in {**row, **asked}.items() if value not in ("", None, [], {})}, tuple(notes)
    )


def id_for(name: str, taken: Collection[str]) -> str:
    """`name` as an id that no other model has: `sd_xl_base_1.0`, or `sd_xl_base_1.0-2`."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")[: MAX_ID - 4] or "model"
    begun = f"{plain}-model" if plain == DEFAULT else plain
    numbered = (f"{begun}-{number}" for number in range(2, 1000))
    return begun if begun not in taken else next(each for each in numbered if each not in taken)


def check_new_id(model_id: str) -> None:
    """Raise AskedWrongly for what can be no id."""
    if model_id == DEFAULT:
        raise AskedWrongly("--id default: that word names the default model in the catalogue; choose another")
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", model_id):
        raise AskedWrongly(
            f"--id {model_id}: lower-case letters, digits, '.', '_' and '-', 64 at most, such as {id_for(model_id, ())}"
        )


def check_aliases(aliases: Collection[str], model_id: str, catalog: Catalog | None) -> None:
    """Raise AskedWrongly for an alias that is a name of another model already."""
    for alias in aliases:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._ /:+-]{0,127}", alias):
            raise AskedWrongly(
                f"--alias {alias!r}: letters, digits, spaces and . _ / : - only, beginning with a letter"
            )
        if alias == model_id:
            raise AskedWrongly(f"--alias {alias}: that is the id of the model itself")
        for model in catalog.models if catalog else ():
            if model.id != model_id and alias in (model.id, *model.aliases):
                raise AskedWrongly(f"--alias {alias} is a name of model '{model.id}' already: choose another")
