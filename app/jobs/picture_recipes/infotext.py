"""AUTOMATIC1111's way to write a recipe: the prompt, the negative prompt, then one line of names and values.

As `parse_generation_parameters` of stable-diffusion-webui (modules/infotext_utils.py) reads it; Forge, SD.Next, Fooocus
and many sites write the same.
"""

from __future__ import annotations

import json
import re
from typing import Final

from app.jobs.picture_recipes.found import Found, FoundLora, Origin, number, whole
from core.lora_tags import without_tags

FACT: Final = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
FEWEST_FACTS: Final = 3
"""A last line with fewer is part of the prompt, as they take it."""

NEGATIVE: Final = "Negative prompt:"
LONGEST_LINE: Final = 20_000

NO_COUNTERPART: Final = (
    "Clip skip",
    "VAE",
    "Refiner",
    "Variation seed strength",
    "Face restoration",
    "ADetailer model",
    "Style Selector Enabled",
)
"""Those that change the picture and have none here."""


def read(text: str) -> Found | None:
    """The recipe in `text`, or None if there is none."""
    *lines, last = text.strip().split("\n")
    facts = dict(FACT.findall(last[:LONGEST_LINE]))
    if len(facts) < FEWEST_FACTS or "Steps" not in facts:
        return None
    words, _, negative = "\n".join(lines).partition(NEGATIVE)
    prompt, tags = without_tags(words.strip())
    width, _, height = facts.get("Size", "").partition("x")
    facts = {name: _plain(value) for name, value in facts.items()}
    return Found(
        origin=Origin.AUTOMATIC1111,
        prompt=prompt,
        negative_prompt=negative.strip(),
        model=facts.get("Model") or None,
        loras=tuple(FoundLora(tag.name, 1.0 if tag.weight is None else tag.weight) for tag in tags),
        steps=whole(facts["Steps"]),
        guidance=number(facts.get("CFG scale")),
        seed=whole(facts.get("Seed")),
        sampler=facts.get("Sampler") or None,
        schedule=facts.get("Schedule type") or None,
        width=whole(width),
        height=whole(height),
        tiling=facts.get("Tiling") == "True",
        notes=(*_notes(facts),),
    )


def _notes(facts: dict[str, str]) -> list[str]:
    missed = {name: facts[name] for name in NO_COUNTERPART if name in facts}
    if missed.get("Clip skip") == "1":  # as usual
        del missed["Clip skip"]
    notes = [f"'{name}: {value[:60]}' has no counterpart here" for name, value in missed.items()]
    if any(name.startswith("Hires") for name in facts):
        by = facts.get("Hires upscale") or facts.get("Hires resize") or "more"
        notes.append(f"hires fix made it larger ({by[:20]}): upscale the picture when it is drawn")
    elif "Denoising strength" in facts:
        notes.append("it was drawn over another picture, which is not in it: the words alone draw another")
    if any(name.startswith("ControlNet") for name in facts):
        notes.append("ControlNet guided it by a picture, which is not in it")
    return notes


def _plain(value: str) -> str:
    """A value without the quotes that one with commas has."""
    if not (value.startswith('"') and value.endswith('"')):
        return value.strip()
    try:
        return str(json.loads(value))
    except ValueError:
        return value.strip('"')
