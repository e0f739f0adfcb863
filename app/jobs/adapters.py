"""The adapters that a request names: whether they are there, go with its model, and how strongly they are meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from app.http.validation import StrictInput
from core.catalog.adapter import LORAS, MOST_LORAS
from core.catalog.catalog import Catalog
from core.catalog.model import LoraScale, Model
from core.errors import InvalidRequest, NotFound
from core.jobs import Adapter


@dataclass(frozen=True, slots=True)
class WantedLora:
    """A LoRA of the catalogue, and how strongly; without a `weight` as its row says.

    `param` is what the client called it.
    """

    id: str
    weight: float | None = None
    param: str = "adapters.loras"


class LoraInput(StrictInput):
    """A LoRA of the server's catalogue."""

    id: str = Field(min_length=1, max_length=64, description="An adapter that GET /v1/models has for the model.")
    weight: LoraScale | None = Field(
        default=None,
        description="How strongly: 1 as it was trained, below 0 for the opposite. The adapter's own if unset.",
    )


class AdaptersInput(StrictInput):
    """What guides the model beside the request."""

    loras: list[LoraInput] = Field(default=[], max_length=MOST_LORAS, description="Several add up.")
    tags: bool = Field(
        default=False,
        description="Whether `<lora:ink:0.6>` in the prompt names LoRAs too, and is no part of the words.",
    )

    def wanted(self) -> list[WantedLora]:
        """What it names, each with what it is called in a request."""
        return [WantedLora(each.id, each.weight, f"adapters.loras.{n}.id") for n, each in enumerate(self.loras)]


def chosen_adapters(wanted: Sequence[WantedLora], model: Model, catalog: Catalog) -> tuple[Adapter, ...]:
    """Those for `model`, in the order that they were named; what weighs nothing is left out.

    Raises NotFound (`adapter_not_found`), and InvalidRequest for one that goes with other models, comes twice, or is
    one too many.
    """
    if len(wanted) > MOST_LORAS:
        raise InvalidRequest(
            f"'{wanted[MOST_LORAS].param}' is one too many: a request may name {MOST_LORAS} LoRAs",
            param=wanted[MOST_LORAS].param,
        )
    chosen: dict[str, Adapter] = {}
    for each in wanted:
        try:
            row = catalog.adapter(each.id)
        except NotFound as error:
            raise NotFound(error.message, code=error.code, param=each.param) from error
        fitting = catalog.adapters_of(model, LORAS)
        if row not in fitting:
            known = ", ".join(f"'{other.id}'" for other in fitting) or "none"
            what = (
                "does not go" if row.kind == "lora" else f"is a {row.kind}, which a picture is given to, and goes not"
            )
            raise InvalidRequest(
                f"adapter '{row.id}' {what} with model '{model.id}': of this server's LoRAs go {known}",
                code="adapter_not_fitting",
                param=each.param,
            )
        if row.id in chosen:
            raise InvalidRequest(f"adapter '{row.id}' is named twice", param=each.param)
        chosen[row.id] = Adapter(id=row.id, weight=row.weight if each.weight is None else each.weight)
    return tuple(each for each in chosen.values() if each.weight)
