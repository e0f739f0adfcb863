"""Draws a model's usual picture before anybody asks: the row budget learns what pays. Knows no budget, only a clock.

It also pays for what the first forwards of a process cost once, so that the first client does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import torch

from core.catalog.model import Model
from worker.contract import DrawRequest
from worker.engine.engine import MAX_ROWS, Engine

SECONDS: Final = 2.0
LONG: Final = SECONDS / 8
"""A first step that takes longer says that many rows of it would not fit into the time."""


def warm_up(engine: Engine, model: Model, clock: Callable[[], float] = time.monotonic) -> None:
    """Fill the batch with pictures of `model` that nobody sees, for about two seconds; before `engine.run` only."""
    usual = usual_request(model)
    deadline = clock() + SECONDS
    with torch.no_grad():
        first = engine.submit(replace(usual, num_inference_steps=2))
        while engine.has_work():
            began = clock()
            engine.tick()
            if clock() - began > LONG:
                first.cancel()
                deadline = began
        crowd = [engine.submit(replace(usual, seed=seed)) for seed in range(MAX_ROWS)] if clock() < deadline else []
        while engine.has_work() and clock() < deadline:
            engine.tick()
        for drawing in crowd:
            drawing.cancel()
        engine.tick()


def usual_request(model: Model) -> DrawRequest:
    return DrawRequest(
        model=model.id,
        task="text-to-image",
        prompt="",
        width=model.size.width,
        height=model.size.height,
        num_inference_steps=model.num_inference_steps,
        guidance_scale=model.guidance_scale,
        scheduler=model.scheduler,
        seed=0,
    )
