"""Asks the worker's side, in a process of its own: the command line imports no torch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from app.cli.client import AskedWrongly, ClientError

WRONGLY: Final = frozenset({"invalid_value", "gated_model", "model_not_found"})
"""Codes of what would be refused again."""

QUIET: Final = {
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    "PYTHONWARNINGS": "ignore",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
"""What libraries advise programmers of is not for people who add a model, and nobody is told of it."""

NO_TORCH: Final = (
    "this needs the packages of the worker, which are not installed here: pip install 'easel[worker]', or write the "
    "row by hand (docs/models.md)"
)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Meanwhile Ctrl-C waits. A process that is begun inherits this, and ends it when it can be interrupted in order
    (`worker.answering`): one that is still importing would show its traceback."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ask(module: str, question: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What `python -m worker.…` answers; its progress is seen. Raises AskedWrongly, ClientError, KeyboardInterrupt."""
    process: subprocess.Popen[str] | None = None
    try:
        with interrupts_held():
            process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**QUIET, **os.environ, **(environment or {})},
                text=True,
                encoding="utf-8",
            )
        told, _ = process.communicate(json.dumps(dict(question)))
    except KeyboardInterrupt:
        if process is not None:
            process.wait()  # Ctrl-C reached it as well
        raise
    if process.returncode == 130:
        raise KeyboardInterrupt
    try:
        answer: dict[str, Any] = json.loads(told)
    except ValueError as error:
        raise ClientError(
            f"'python -m {module}' ended with {process.returncode} and no answer; what it printed above says why. "
            "If it is a missing module, " + NO_TORCH
        ) from error
    if refused := answer.get("error"):
        kind = AskedWrongly if refused["code"] in WRONGLY else ClientError
        raise kind(refused["message"])
    return answer
