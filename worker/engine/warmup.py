"""Draws a model's usual output before the first request comes: the tuner learns how many rows pay.

It also pays for what the first forwards of a process cost once, so that the first client does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import torch
from pydantic import ValidationError

from core.catalog.model import Model
from core.jobs import GenerationRequest
from core.tasks import Parameters, all_tasks
from worker.contract import DrawRequest
from worker.engine.engine import MAX_ROWS, Engine

SECONDS: Final = 2.0
LONG: Final = SECONDS / 8
"""A first step that takes longer says that many rows of it would not fit into the time."""

BLANK: Final = {"prompt": ""}
SHORT: Final = {"num_inference_steps": 2}
"""Of the first drawing, which is to come to its end; for tasks that count their steps by this name."""


def warm_up(engine: Engine, model: Model, clock: Callable[[], float] = time.monotonic) -> None:
    """Fill the batch with usual outputs of `model`, which are thrown away, for about two seconds.

    Before `engine.run` only, on the same thread. A model that does nothing without inputs is left alone.
    """
    usual = usual_request(model)
    if usual is None:
        return
    deadline = clock() + SECONDS
    with torch.no_grad():
        first = engine.submit(with_parameters(usual, SHORT))
        while engine.has_work():
            began = clock()
            engine.tick()
            if clock() - began > LONG:
                first.cancel()
                deadline = began
        drawings = [engine.submit(replace(usual, seed=seed)) for seed in range(MAX_ROWS)] if clock() < deadline else []
        while engine.has_work() and clock() < deadline:
            engine.tick()
        for drawing in drawings:
            drawing.cancel()
        engine.tick()


def usual_request(model: Model) -> DrawRequest | None:
    """The first task that `model` can do from words alone, with its defaults and no words; None if there is none."""
    for task in all_tasks().values():
        if task.roles or not task.fits(model):
            continue
        defaults = task.parameters.defaults(model, {})
        try:
            parameters = task.parameters.model_validate({**declared(task.parameters, BLANK), **defaults})
        except ValidationError:
            continue  # it has to be told more than that
        request = GenerationRequest(task=task.name, model=model.id, parameters=parameters, seeds=(0,))
        return DrawRequest(request=request, seed=0)
    return None


def with_parameters(usual: DrawRequest, changes: dict[str, Any]) -> DrawRequest:
    """`usual` with those of `changes` that its task knows."""
    parameters = usual.parameters.evolve(**declared(type(usual.parameters), changes))
    return replace(usual, request=usual.request.evolve(parameters=parameters))


def declared(parameters: type[Parameters], values: dict[str, Any]) -> dict[str, Any]:
    """Those of `values` that are fields of `parameters`."""
    return {name: value for name, value in values.items() if name in parameters.model_fields}
