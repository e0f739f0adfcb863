"""Knows which motifs are trained and what people call them; does not know how captions are phrased."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from training import pictures, workspace

LIST = Path(__file__).with_name("motifs.txt")
LAST_TIER = 3


@dataclass(frozen=True)
class Motif:
    """One motif. `row` is its place in the picture arrays, `held_out` tags are never trained on."""

    label: str
    names: tuple[str, ...]
    tags: tuple[str, ...]
    held_out: tuple[str, ...]
    row: int


def read_list(tier: int = LAST_TIER) -> dict[str, tuple[str, ...]]:
    """Label to names, tiers up to `tier`. A plain name comes first: "dog" before "dog face"."""
    found: dict[str, tuple[str, ...]] = {}
    current = 1
    for line in LIST.read_text().splitlines():
        if line.startswith("## tier"):
            current = int(line.rsplit(" ", 1)[1])
        elif line and not line.startswith("#") and current <= tier:
            label, _, more = line.partition("|")
            names = [name.strip().lower() for name in more.split(",") if name.strip()]
            own = label.strip().lower()
            # An animal's face, or "snowman without snow", is called by its short name.
            short = own.endswith(" face") or own.startswith(("globe", "hot beverage", "snowman", "cooking"))
            found[label.strip()] = tuple([*names, own] if short and names else [own, *names])
    return found


def fraction(text: str) -> float:
    """A stable number in 0…1 for a text: the same held-out tags in every run."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


def choose_held_out(label: str, names: tuple[str, ...], tags: list[str]) -> tuple[str, ...]:
    """One synonym for the evaluation: a third name where there is one, else a tag, never the only one."""
    pool = [name for name in names[2:] if name != label.lower()] or (tags if len(tags) > 1 else [])
    return tuple(sorted(pool, key=lambda text: fraction(label + text))[:1])


@cache
def load_motifs() -> tuple[Motif, ...]:
    """The motifs of all tiers in list order, with tags that no other one shares."""
    wanted = read_list()
    rows = {code: row for row, code in enumerate(pictures.load_codes())}
    entries = {e["label"]: e for e in json.loads(workspace.EMOJIBASE.read_text())}
    spread = Counter(tag for label in wanted for tag in set(entries[label].get("tags", ())))
    taken = {name for names in wanted.values() for name in names}
    motifs = []
    for label, names in wanted.items():
        words = set(" ".join(names).split())
        tags = [
            tag
            for tag in entries[label].get("tags", ())
            if spread[tag] == 1 and tag not in taken and not set(tag.lower().split()) <= words
        ]
        held = choose_held_out(label, names, tags)
        names = tuple(name for name in names if name not in held)
        kept = tuple(tag for tag in tags if tag not in held)
        motifs.append(Motif(label, names, kept, held, rows[entries[label]["hexcode"]]))
    return tuple(motifs)


def count_motifs(tier: int) -> int:
    """How many motifs the tiers up to `tier` hold; they come first in `load_motifs`."""
    return len(read_list(tier))
