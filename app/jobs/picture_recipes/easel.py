"""Our own recipe: a body of POST /v1/generations, but for the pictures that it started from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from app.jobs.picture_recipes.found import Found, FoundLora, Origin, number, whole
from core.schedulers import SHOWN, SHOWN_SCHEDULES

TASKS_OF_WORDS: Final = "text-to-image"
NAMES: Final = {each.value: shown for each, shown in SHOWN.items()}
SCHEDULES: Final = {each.value: shown for each, shown in SHOWN_SCHEDULES.items()}


def read(document: Mapping[str, Any] | None) -> Found | None:
    """The recipe of a picture of ours, or, where nothing was drawn for it, of the one that it came from."""
    if document is None or not isinstance(document.get("task"), str):
        return None
    told = document if document.get("prompt") else _within(document)
    if told is None:
        return None
    adapters = told.get("adapters")
    loras = adapters.get("loras") if isinstance(adapters, dict) else None
    return Found(
        origin=Origin.EASEL,
        prompt=_text(told.get("prompt")),
        negative_prompt=_text(told.get("negative_prompt")),
        model=_text(told.get("model")) or None,
        loras=tuple(
            FoundLora(str(each.get("id")), number(each.get("weight")) or 0.0)
            for each in (loras if isinstance(loras, list) else ())
            if isinstance(each, dict)
        ),
        steps=whole(told.get("num_inference_steps")),
        guidance=number(told.get("guidance_scale")),
        seed=whole(told.get("seed")),
        sampler=_text(told.get("scheduler")) or None,
        schedule=SCHEDULES.get(_text(told.get("noise_schedule"))),
        width=whole(told.get("width")),
        height=whole(told.get("height")),
        tiling=told.get("tiling") is True,
        weighted=told.get("prompt_syntax") == "weighted",
        notes=(*_notes(document, told),),
    )


def _within(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The recipe inside of one that draws nothing itself."""
    inside = (each for each in document.values() if isinstance(each, dict))
    return next((each for each in inside if isinstance(each.get("prompt"), str) and each["prompt"]), None)


def _notes(document: Mapping[str, Any], told: Mapping[str, Any]) -> list[str]:
    notes = []
    task = str(document["task"])[:64]
    if told is not document:
        notes.append(f"it was made by {task} of another picture: this is that picture's recipe")
    elif task != TASKS_OF_WORDS:
        notes.append(f"it was drawn by {task}, from a picture that is not in it: the words alone draw another")
    if document.get("inputs"):
        notes.append("it was drawn by other pictures beside the words, which are not in it")
    return notes


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
