"""How `python -m worker.…` answers one question of the command line: JSON on standard input, and on standard output."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from core.errors import EaselError

Question = Mapping[str, Any]
Answer = dict[str, Any]


def answer_one(module: str) -> int:
    """Have `answer` of `module` answer. Returns the exit status: 130 if it was interrupted, else 0.

    An EaselError is the answer `{"error": {"message": …, "code": …}}`. What libraries print goes to standard error.
    Until here who asked holds interrupts back (`app.cli.models.child`): torch's import, which takes long, comes after.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        answer = import_module(module).answer(json.load(sys.stdin))
    except EaselError as error:
        answer = {"error": {"message": error.message, "code": error.code}}
    except KeyboardInterrupt:
        return 130
    with answers:
        json.dump(answer, answers)
    return 0
