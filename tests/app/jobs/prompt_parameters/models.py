"""Models to read prompts for, and how to read one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from app.jobs.prompt_parameters import variants_of
from app.jobs.request import JobRequest
from core.catalog.catalog import Catalog
from core.catalog.model import Model, SizeGrid
from core.errors import InvalidRequest

MINI: Final = Model(
    id="mini",
    source="mini",
    family="sd15",
    size=SizeGrid(minimum=128, maximum=384, multiple=32, width=256, height=256),
    num_inference_steps=20,
    max_steps=60,
    guidance_scale=5.0,
    prompt_chunks=True,
    styles={"flat icon": "a flat icon of {prompt}"},
)
TURBO: Final = MINI.evolve(id="turbo", num_inference_steps=4, guidance_scale=1.0, prompt_chunks=False)
BARE: Final = MINI.evolve(id="bare", negative_prompt=False, prompt_chunks=False, styles={})


class NothingToOpen:
    """Where no picture can be fetched."""

    def open(self, source: object, param: str) -> Any:
        raise InvalidRequest(f"'{param}' cannot be fetched: {source}", param=param)


def asked(prompt: str, model: Model = MINI, **options: Any) -> list[JobRequest]:
    """What `prompt` asks of `model`; `options` are fields of the request, its parameters among them."""
    catalog = Catalog(models=(model,), default=model.id, folder=Path())
    parameters = {"prompt": prompt, **options.pop("parameters", {})}
    wanted = JobRequest(parameters=parameters, fingerprint="", **options)
    return [each.request for each in variants_of(wanted, catalog, NothingToOpen())]  # type: ignore[arg-type]


def told(prompt: str, model: Model = MINI, **options: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The parameters and the notes of the one request that `prompt` asks for."""
    (request,) = asked(prompt, model, **options)
    return {name: value for name, value in request.parameters.items() if value is not None}, request.notes


def refusal(prompt: str, model: Model = MINI, **options: Any) -> str:
    """Why `prompt` is refused."""
    with pytest.raises(InvalidRequest) as raised:
        asked(prompt, model, **options)
    assert raised.value.param == "prompt"
    return raised.value.message
