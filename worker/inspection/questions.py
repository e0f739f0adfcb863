"""What `python -m worker.inspection` is asked, and who answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from worker.answering import Answer, Question
from worker.inspection.hub import fetch, fetch_component, fetch_file, fetch_lora
from worker.inspection.machine import machine
from worker.inspection.pipeline import describe
from worker.pipelines.loading import quiet_libraries


def described(question: Question) -> Answer:
    """What the folder holds, and the device that would draw it."""
    quiet_libraries()
    facts = describe(Path(question["folder"]), question.get("pipeline"))
    return {**facts, "machine": machine(question.get("device", "auto"))}


def fetched(question: Question) -> Answer:
    """Where the files of the hub's repository lie now."""
    repo, revision = question["repo"], question.get("revision")
    if (component := question.get("component")) == "lora":
        return fetch_lora(repo, revision)
    if component:
        return fetch_component(repo, component)
    if name := question.get("file"):
        return fetch_file(repo, revision, name)
    device, dtype = question.get("device", "auto"), question.get("dtype")
    return fetch(repo, revision, device=device, dtype=dtype, parts=question.get("parts"))


QUESTIONS: Final[Mapping[str, Callable[[Question], Answer]]] = {
    "describe": described,
    "fetch": fetched,
    "machine": lambda question: machine(question.get("device", "auto")),
}


def answer(question: Question) -> Answer:
    """Raises EaselError in words for a person."""
    return QUESTIONS[question["do"]](question)
