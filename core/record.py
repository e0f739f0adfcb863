"""Frozen records: tolerant for what is read back from a store, strict for what a person wrote."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen record; `evolve` makes the changed copy. A field that a newer version wrote is let go."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def evolve(self, **changes: Any) -> Self:  # noqa: ANN401 - the fields are the subclass's own
        """A copy with `changes`, validated anew. Raises ValueError for a field that there is not."""
        unknown = changes.keys() - self.__class__.model_fields.keys()
        if unknown:
            raise ValueError(f"{self.__class__.__name__} has no {', '.join(sorted(unknown))}")
        return self.__class__.model_validate({**self.__dict__, **changes})


class StrictRecord(Record):
    """A record that takes no field it does not know: one in a hand-written file is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")
