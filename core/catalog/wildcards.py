"""Wildcards: names in a prompt, `__animal__`, that stand for one of many words of the catalogue.

The form is that of AUTOMATIC1111's extension, github.com/AUTOMATIC1111/stable-diffusion-webui-wildcards.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9/-]|_(?!_)){0,62}[a-z0-9]|[a-z0-9]")
NAMED: Final = re.compile(rf"__({NAME.pattern})__")
MOST_CHOICES: Final = 10_000
DEEPEST: Final = 4
"""A choice may name another wildcard; this far it is followed."""

Wildcards = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Chosen:
    """`text` with its names replaced; `told` is a word on each that was, and on each that nobody knows."""

    text: str
    told: tuple[str, ...]


def wildcards_of(table: object, folder: Path) -> dict[str, tuple[str, ...]]:
    """The table `[wildcards]` of a catalogue: lists, or files of `folder` with a choice a line and `#` for remarks.

    Raises ValueError, naming what is wrong.
    """
    if not isinstance(table, dict):
        raise ValueError("[wildcards] has to be a table of names")
    return {name: _choices(name, given, folder) for name, given in table.items()}


def _choices(name: str, given: object, folder: Path) -> tuple[str, ...]:
    if NAME.fullmatch(name) is None:
        raise ValueError(f"a wildcard's name has small letters, digits, '-', '_' and '/', not {name[:60]!r}")
    if isinstance(given, str):
        try:
            lines = (folder / given).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"the choices of wildcard '{name}' cannot be read: {error}") from error
        given = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not isinstance(given, list) or not given or not all(isinstance(each, str) and each for each in given):
        raise ValueError(f"wildcard '{name}' has to be a list of words, or the name of a file with one a line")
    if len(given) > MOST_CHOICES:
        raise ValueError(f"wildcard '{name}' has {len(given)} choices; {MOST_CHOICES} are the limit")
    return tuple(given)


def names_in(text: str, wildcards: Wildcards) -> tuple[str, ...]:
    """The wildcards that `text` names and that there are."""
    return tuple(name for name in NAMED.findall(text) if name in wildcards)


def choose(text: str, wildcards: Wildcards, seed: int) -> Chosen:
    """Replace each name by one of its choices: the same ones for the same seed, whatever else the server draws."""
    told: list[str] = []
    place = 0

    def one(match: re.Match[str]) -> str:
        nonlocal place
        name, place = match[1], place + 1
        if name not in wildcards:
            told.append(f"there is no wildcard '{match[0]}': it stands as it is")
            return match[0]
        choice = _of(wildcards[name], f"{seed} {place} {name}")
        told.append(f"{match[0]} became '{choice[:80]}'")
        return choice

    for _ in range(DEEPEST):
        if not names_in(text, wildcards):
            break
        text = NAMED.sub(one, text)
    return Chosen(text, tuple(dict.fromkeys(told)))


def _of(choices: Sequence[str], about: str) -> str:
    number = int.from_bytes(hashlib.sha256(about.encode()).digest()[:8], "big")
    return choices[number % len(choices)]
