"""The prompts of a call: an argument, the lines of a file, or those of standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from app.cli.client import AskedWrongly
from app.cli.inputs import STANDARD_INPUT

HOW: Final = "a prompt, '-' to read prompts from the input, or --from a file"


def prompts_of(
    prompt: str | None, from_file: Path | None, *, input_is_free: bool = True, needed: bool = True
) -> list[str]:
    """What to draw, one after the other. Raises AskedWrongly; `input_is_free` if nothing else reads standard input.

    Where no words are `needed`, and there are none, that is one empty prompt.
    """
    if prompt == STANDARD_INPUT and not input_is_free:
        raise AskedWrongly("standard input holds a picture; give the prompt as an argument, or --from a file")
    piped = prompt is None and from_file is None and input_is_free and sys.stdin is not None and not sys.stdin.isatty()
    if not needed and not piped and prompt is None and from_file is None:
        return [""]
    if not piped and (prompt is None) == (from_file is None):
        raise AskedWrongly(f"say what to draw: {HOW}")
    try:
        if from_file is not None:
            text = from_file.read_text(encoding="utf-8")
        else:
            text = sys.stdin.read() if piped or prompt == STANDARD_INPUT else str(prompt)
    except (OSError, UnicodeDecodeError) as error:
        raise AskedWrongly(f"cannot read prompts from {from_file or 'the input'}: {error}") from error
    prompts = [line.strip() for line in text.splitlines() if line.strip()]
    if not prompts and not needed:
        return [""]
    if not prompts:
        raise AskedWrongly(f"there is no prompt to draw, all is empty; say what to draw: {HOW}")
    return prompts
