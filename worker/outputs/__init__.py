"""Finished files: one module a medium, which has its name and an `encode`; nothing lists them."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol, cast

from PIL import Image

from core.errors import JobFailure
from core.jobs import GenerationRequest
from core.media import Facts, Medium
from worker.contract import Inputs


@dataclass(frozen=True, slots=True)
class Encoded:
    """The content of one finished file, what is known of it beside its bytes, and a picture to know it by, if any."""

    content: bytes
    facts: Facts = field(default_factory=dict)
    picture: Image.Image | None = None


class Encoder(Protocol):
    """What the module of a medium has to offer."""

    def encode(self, result: Any, request: GenerationRequest, seed: int, inputs: Inputs) -> Encoded:  # noqa: ANN401 - the medium's own
        """The file of `result` (`Finished.result`) in the format of `request.output`; `inputs` as they were drawn."""


def encoder_of(medium: Medium) -> Encoder:
    """The module `worker.outputs.<name of the medium>`. Raises JobFailure (`output_not_supported`) without one."""
    name = f"{__name__}.{medium.name}"
    if find_spec(name) is None:
        raise JobFailure(f"this worker makes no files of the medium {medium.name}", code="output_not_supported")
    return cast(Encoder, import_module(name))
