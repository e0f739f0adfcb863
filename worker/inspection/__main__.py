"""`python -m worker.inspection`: one question as JSON on standard input, its answer as JSON on standard output.

`{"do": "describe", "folder": …}` looks at a pipeline's folder, `{"do": "fetch", "repo": …}` brings one from the hub.
The answer is an object, or `{"error": {"message": …, "code": …}}` in words for a person. Progress bars and what
libraries print go to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from core.errors import EaselError
from worker.inspection.hub import fetch, fetch_component, fetch_file, fetch_lora
from worker.inspection.machine import machine
from worker.inspection.pipeline import describe
from worker.pipelines.loading import quiet_libraries


def described(question: Mapping[str, Any]) -> dict[str, Any]:
    """What the folder holds, and the device that would draw it."""
    quiet_libraries()
    facts = describe(Path(question["folder"]), question.get("pipeline"))
    return {**facts, "machine": machine(question.get("device", "auto"))}


def fetched(question: Mapping[str, Any]) -> dict[str, Any]:
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


QUESTIONS: Final[Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "describe": described,
    "fetch": fetched,
    "machine": lambda question: machine(question.get("device", "auto")),
}


def main() -> int:
    """Answer one question; 0 unless it was interrupted."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    question = json.load(sys.stdin)
    try:
        answer = QUESTIONS[question["do"]](question)
    except EaselError as error:
        answer = {"error": {"message": error.message, "code": error.code}}
    except KeyboardInterrupt:
        return 130
    with answers:
        json.dump(answer, answers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
