"""What the engine keeps beside each loaded model, for as long as it is loaded."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any
from weakref import WeakKeyDictionary

import torch

from worker.engine.hooks import hook
from worker.engine.previews import ColourMap, fit_colour_map
from worker.engine.prompts import PromptCache
from worker.engine.stats import Stats
from worker.pipelines.call_changes import let_pipeline_change
from worker.pipelines.calls import Call
from worker.pipelines.loaded_model import LoadedModel

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Resident:
    """Of one model: whether its calls may be merged, its prompts met before, its colours."""

    vae: Any
    batchable: bool
    prompts: PromptCache

    @cached_property
    def colours(self) -> ColourMap | None:
        """Latents to colours, fitted when it is first asked for, which encodes a small picture; None if it cannot be.

        Asked once: there are autoencoders of other kinds, and each would fail at every preview.
        """
        try:
            return fit_colour_map(self.vae)
        except Exception:
            logger.info("no previews: the autoencoder's latents have no linear map to colours", exc_info=True)
            return None

    def painter(self, call: Call, latents: torch.Tensor) -> Callable[[], bytes] | None:
        """Paints, in any thread, how the picture of `call` will look by `latents`; None where that cannot be said.

        Belongs on the engine's thread, as the autoencoder does.
        """
        if self.vae is None or self.colours is None:
            return None
        grid = call.foreseen(latents)
        if grid is None or grid.shape[1] != self.colours.channels:
            return None
        return partial(self.colours.jpeg, grid)


class Residents:
    """The residents by their models; one goes with its model."""

    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self._known: WeakKeyDictionary[LoadedModel, Resident] = WeakKeyDictionary()

    def of(self, model: LoadedModel) -> Resident:
        """That of `model`, whose modules are hooked the first time."""
        if model not in self._known:
            self._known[model] = Resident(
                getattr(model.pipeline, "vae", None),
                batchable=hook(model.pipeline),
                prompts=PromptCache(stats=self._stats),
            )
            let_pipeline_change(model.pipeline)
        return self._known[model]
