"""A recipe as one text, in the form that AUTOMATIC1111 made customary for `parameters` in pictures' metadata."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from core.jobs import GenerationRequest
from core.lora_tags import with_tags
from core.media import Guide
from core.schedulers import SHOWN, SHOWN_SCHEDULES, NoiseSchedule, Scheduler

INFOTEXT: Final = (
    ("Steps", "num_inference_steps"),
    ("Sampler", "scheduler"),
    ("Schedule type", "noise_schedule"),
    ("CFG scale", "guidance_scale"),
)
"""AUTOMATIC1111's words for parameters, in its order."""

WHERE_SET: Final = (("Tiling", "tiling"), ("Chaos", "chaos"), ("Weird", "weird"))
"""Those that are only told where they are asked for, as it does; it knows the first of them."""


def infotext(request: GenerationRequest, seed: int, notes: Sequence[str] = ()) -> str:
    """The recipe in the form that AUTOMATIC1111's `parameters` chunk made customary: prompts, then one line.

    `notes` stand in quotes at its end, as readers of that line want words with commas.
    """
    if request.origin is not None:  # readers of this line know no request without words: it is that of the picture
        done = f"{request.task} by {request.model}"
        return infotext(request.origin, request.origin.seeds[0], (done, *notes))
    told = request.parameters.model_dump()
    facts = [f"{word}: {shown(told[name])}" for word, name in INFOTEXT if name in told]
    facts.append(f"Seed: {seed}")
    if "width" in told and "height" in told:
        facts.append(f"Size: {told['width']}x{told['height']}")
    facts.append(f"Model: {request.model}")
    facts += [f"{word}: {shown(told[name])}" for word, name in WHERE_SET if told.get(name)]
    facts += [f'ControlNet {place}: "{unit(guide)}"' for place, guide in enumerate(guides_of(request))]
    if notes:
        facts.append(f"Notes: {json.dumps('; '.join(notes), ensure_ascii=False)}")
    lines = [with_tags(str(told.get("prompt", "")), request.adapters)]
    if told.get("negative_prompt"):
        lines.append(f"Negative prompt: {told['negative_prompt']}")
    return "\n".join([*lines, ", ".join(facts)])


def guides_of(request: GenerationRequest) -> list[Guide]:
    """Those that name an adapter: the units of the ControlNet extension."""
    return [each.guide for each in request.inputs if each.guide is not None and each.guide.adapter is not None]


def unit(guide: Guide) -> str:
    """One of them, as the extension writes it."""
    return (
        f"Module: {guide.preprocessor}, Model: {guide.adapter}, Weight: {guide.weight:g}, "
        f"Guidance Start: {guide.start:g}, Guidance End: {guide.end:g}"
    )


def shown(value: object) -> str:
    """Numbers without trailing zeros, a sampler and a noise schedule by their customary names."""
    if isinstance(value, Scheduler):
        return SHOWN[value]
    if isinstance(value, NoiseSchedule):
        return SHOWN_SCHEDULES[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
