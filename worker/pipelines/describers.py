"""Pictures to go by, put into words: for models that were taught words alone, and a describer that knows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline, StableDiffusionPipeline
from PIL import Image

from core.catalog.adapter import AdapterRow
from core.catalog.catalog import Catalog
from core.catalog.tensor_info import CheckpointError
from core.errors import JobFailure
from worker.pipelines.adapter_cache import AdapterCache
from worker.pipelines.networks.describer import Teller, teller_in

MAX_BYTES: Final = 2**28
"""Of all that no request uses."""

TAKEN: Final = (StableDiffusionPipeline, StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline)
"""Pipelines that are given the states of one text encoder, and nothing with them."""

EMBEDS, NEGATIVE_EMBEDS = "prompt_embeds", "negative_prompt_embeds"


@dataclass(eq=False, frozen=True)
class Describer:
    """One that is read."""

    teller: Teller
    size_bytes: int

    def words_for(self, picture: Image.Image) -> str:
        """A prompt that could have made `picture`."""
        return self.teller.told(self.teller.seen(picture), 0)


class Describers(AdapterCache[Describer]):
    """Those that the catalogue has for `pipeline`."""

    def __init__(
        self,
        pipeline: Any,  # noqa: ANN401 - any diffusers pipeline
        device: torch.device,
        catalog: Callable[[], Catalog],
        *,
        local_only: bool,
    ) -> None:
        super().__init__(catalog, MAX_BYTES, local_only=local_only)
        self._pipeline = pipeline
        self._device = device

    def read(self, row: AdapterRow, place: Path) -> Describer:
        if not isinstance(self._pipeline, TAKEN):
            raise CheckpointError(
                f"the describer '{row.id}' guides models of Stable Diffusion 1's make, with one text encoder, and "
                f"{type(self._pipeline).__name__} is none"
            )
        try:
            teller = teller_in(place, torch.float32)
        except JobFailure as error:
            raise CheckpointError(error.message) from error
        teller.module.to(self._device)
        return Describer(teller, place.stat().st_size)


def among_words(pipeline: Any, arguments: dict[str, Any], said: Sequence[tuple[str, float]]) -> dict[str, Any]:  # noqa: ANN401
    """`arguments` whose prompt is the mean of its own and of what is `said`, each by its weight; its own has 1."""

    def embedded(text: str) -> torch.Tensor:
        states: torch.Tensor = pipeline.encode_prompt(
            text, device=pipeline._execution_device, num_images_per_prompt=1, do_classifier_free_guidance=False
        )[0]
        return states

    said = [(text, weight) for text, weight in said if weight > 0]
    if not said:
        return arguments
    own = arguments.get(EMBEDS)
    if own is None and (arguments.get("prompt") or "").strip():
        own = embedded(arguments["prompt"])
    states = [*([(own, 1.0)] if own is not None else []), *((embedded(text), weight) for text, weight in said)]
    # Prompts that were longer than the encoder come in several chunks: words for pictures are as long as one.
    length = max(each.shape[1] for each, _ in states)
    total = sum(weight for _, weight in states)
    mixed = sum(longer(each, length) * (weight / total) for each, weight in states)
    found = {**arguments, "prompt": None, EMBEDS: mixed}
    if arguments.get(NEGATIVE_EMBEDS) is None and float(arguments.get("guidance_scale", 0.0)) > 1:
        without = embedded(arguments.get("negative_prompt") or "")
        found |= {"negative_prompt": None, NEGATIVE_EMBEDS: longer(without, length)}
    return found


def longer(states: torch.Tensor, length: int) -> torch.Tensor:
    """`states` [1, tokens, channels] over and over, until there are `length` tokens."""
    return states.repeat(1, -(-length // states.shape[1]), 1)[:, :length]
