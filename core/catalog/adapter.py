"""What an adapter is: a row of the catalogue beside the models, which guides them where a request asks for it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from core.catalog.families import UNKNOWN
from core.catalog.model import LoraScale, Model
from core.record import StrictRecord

MOST_LORAS: Final = 8
"""In one request."""

AdapterKind = Literal["lora"]


class AdapterRow(StrictRecord):
    """One adapter of the catalogue, a table under `[adapters]`.

    `source` is a file, found as a model's `source` is, or `owner/name/file` on the hub. It goes with the models that
    `models` names, else with those of its `family`. `weight` is how strongly it guides where a request does not say;
    `trigger_words` are those that it was trained to be called by.
    """

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    kind: AdapterKind = "lora"
    source: str = Field(min_length=1)
    family: str = Field(default=UNKNOWN, pattern=r"^[a-z0-9][a-z0-9._-]{0,31}$")
    models: tuple[str, ...] = ()
    weight: LoraScale = 1.0
    trigger_words: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = ()
    description: str = ""
    license: str = ""

    def fits(self, model: Model) -> bool:
        """Whether it goes with `model`, by what its row says; whether its layers do is seen when it is loaded."""
        if self.models:
            return model.id in self.models
        return self.family != UNKNOWN and self.family == model.family
