"""What `--control` and `--reference` name: an adapter, how strongly, and a picture."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.cli.client import AskedWrongly
from app.cli.inputs import Inputs, named_or_read

GUIDE: Final = re.compile(r"(?P<adapter>[A-Za-z0-9][A-Za-z0-9._-]{0,63})(?::(?P<weight>-?[0-9.]+))?=(?P<picture>.+)")
STRENGTHS: Final = {"control": "scale", "reference": "weight"}


def with_guides(inputs: Inputs, given: Mapping[str, Sequence[str]], preprocessor: str | None) -> Inputs:
    """`inputs` and, by role, each `[ADAPTER[:WEIGHT]=]PICTURE` of `given`. Raises AskedWrongly."""
    names, files = {**inputs.names}, {**inputs.files}
    for role, said in given.items():
        told: list[dict[str, Any]] = []
        for text in said:
            found = GUIDE.fullmatch(text)
            guide: dict[str, Any] = {"adapter": found["adapter"]} if found else {}
            if found and found["weight"]:
                guide[STRENGTHS[role]] = _number(role, text, found["weight"])
            if role == "control" and preprocessor is not None:
                guide["preprocessor"] = preprocessor
            name, content = named_or_read(role, found["picture"] if found else text)
            if content is None:
                guide["image"] = name
            else:
                files[role] = [*files.get(role, ()), content]
            told.append(guide)
        if told:
            names[role] = told
    return Inputs(names, files)


def _number(role: str, text: str, said: str) -> float:
    try:
        return float(said)
    except ValueError:
        raise AskedWrongly(f"--{role} {text}: say how strongly by a number, such as 0.8") from None
