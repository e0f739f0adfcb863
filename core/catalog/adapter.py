"""What an adapter is: a row of the catalogue beside the models, which guides them where a request asks for it."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import Field

from core.catalog.families import UNKNOWN
from core.catalog.model import LoraScale, Model
from core.record import StrictRecord

MOST_LORAS: Final = 8
MOST_CONTROLS: Final = 4
MOST_REFERENCES: Final = 4
"""In one request."""

ADAPTER_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

AdapterKind = Literal["lora", "controlnet", "t2i-adapter", "ip-adapter", "describer"]

ADAPTER_KINDS: Final = frozenset[AdapterKind](get_args(AdapterKind))

LORAS: Final = frozenset[AdapterKind]({"lora"})

FOR_CONTROL: Final = frozenset[AdapterKind]({"controlnet", "t2i-adapter"})
"""Kinds that a picture of what is to stand where is given to."""

FOR_REFERENCES: Final = frozenset[AdapterKind]({"ip-adapter", "describer"})
"""Kinds that a picture to go by is given to."""

IN_WORDS: Final = frozenset[AdapterKind]({"describer"})
"""Kinds of the latter that put it into words, for models that were taught no more."""

Preprocessor = Literal["none", "canny", "invert", "gray", "blur"]
"""What is made of a control picture before the model sees it."""


class AdapterRow(StrictRecord):
    """One adapter of the catalogue, a table under `[adapters]`.

    `source` is a file, found as a model's `source` is, or `owner/name/file` on the hub; of a ControlNet or T2I-Adapter
    also a folder, or `owner/name`. It goes with the models that `models` names, else with those of its `family`.
    `weight` is how strongly it guides where a request does not say; `trigger_words` are those that it was trained to
    be called by.

    `preprocessor` is what a ControlNet wants made of a picture where a request does not say. One for several kinds of
    control has `modes`, its number of each by name. `image_encoder` is the folder, or `owner/name/folder` on the hub,
    of what an IP-Adapter sees with: `image_encoder` beside its file if unset.
    """

    id: str = Field(pattern=ADAPTER_ID)
    kind: AdapterKind = "lora"
    source: str = Field(min_length=1)
    family: str = Field(default=UNKNOWN, pattern=r"^[a-z0-9][a-z0-9._-]{0,31}$")
    models: tuple[str, ...] = ()
    weight: LoraScale = 1.0
    trigger_words: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = ()
    preprocessor: Preprocessor = "none"
    modes: dict[Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,32}$")], Annotated[int, Field(ge=0, le=63)]] = Field(
        default={}
    )
    image_encoder: str | None = None
    description: str = ""
    license: str = ""

    def fits(self, model: Model) -> bool:
        """Whether it goes with `model`, by what its row says; whether its layers do is seen when it is loaded."""
        if self.models:
            return model.id in self.models
        return self.family != UNKNOWN and self.family == model.family
