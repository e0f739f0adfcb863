"""Where the parameters of a prompt begin and end: `--name value`, behind all of its words."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from app.jobs.prompt_parameters.refusals import refused

LONG_DASH: Final = re.compile(r"(?:^|(?<=\s))—(?=[^\s—])")
"""What phones make of two dashes."""

START: Final = re.compile(r"(?:^|(?<=\s))--(?=[^\s-])")
GLUED: Final = re.compile(r"(?<=[^\s-])--([a-z]+)(?=\s|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SpelledParameter:
    """One parameter as it stands there: `name` in small letters and without its dashes."""

    name: str
    value: str

    def __str__(self) -> str:
        """As a message names it, long values cut short."""
        value = self.value if len(self.value) <= 40 else f"{self.value[:39]}…"
        return f"--{self.name[:40]} {value}".rstrip()


def spelled(prompt: str, known: Collection[str]) -> tuple[str, tuple[SpelledParameter, ...]]:
    """The words before the parameters, and these. Raises InvalidRequest for a `known` one that a word runs into."""
    words, *parameters = START.split(LONG_DASH.sub("--", prompt))
    for text in (words, *parameters):
        glued = next((found for found in GLUED.finditer(text) if found[1].lower() in known), None)
        if glued is not None:
            raise refused(f"'{glued[0]}' is stuck to the word before it: leave a space between them")
    found = []
    for text in parameters:
        name, *value = text.split(maxsplit=1)
        found.append(SpelledParameter(name.lower(), " ".join(" ".join(value).split())))
    return words, tuple(found)
