"""The hand-written lists of motifs and synonyms, and which words are held out."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

LIST = Path(__file__).with_name("motifs.txt")
SYNONYMS = Path(__file__).with_name("synonyms.txt")
MORE_SYNONYMS = Path(__file__).with_name("more_synonyms.txt")
LAST_TIER = 5
# What models/easel-mini was trained on.
SHIPPED_TIER = 4
# Tags of emojibase that nobody should be shown.
UNFIT = frozenset({"coon"})
# The tiers of whose motifs a word is held out for the evaluation; of later ones all words are trained.
HELD_OUT_TIER = 4


def read_list(tier: int = LAST_TIER) -> dict[str, tuple[str, ...]]:
    """Label to names, tiers up to `tier`. The name that people use comes first: "dog" before "dog face"."""
    found: dict[str, tuple[str, ...]] = {}
    current = 1
    for line in LIST.read_text().splitlines():
        if line.startswith("## tier"):
            current = int(line.rsplit(" ", 1)[1])
        elif line and not line.startswith("#") and current <= tier:
            label, mark, more = re.match(r"([^|>]+)([|>])?(.*)", line).groups()
            own, names = label.strip().lower(), [name.strip().lower() for name in more.split(",") if name.strip()]
            found[label.strip()] = tuple([*names, own] if mark == ">" else [own, *names])
    return found


def read_synonyms(path: Path = SYNONYMS) -> dict[str, tuple[str, ...]]:
    """Label to what else people call it."""
    lines = (line for line in path.read_text().splitlines() if line and not line.startswith("#"))
    parts = (line.split("|") for line in lines)
    return {label.strip(): tuple(word.strip() for word in words.split(",")) for label, words in parts}


def stem(text: str) -> str:
    """Plurals and other forms of a word are that word: crude, and so that too much counts as alike."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    return " ".join(re.sub(r"(?<=\w{3})(ies?|e?s|ed|ing|e|y)+$", "", word) for word in words)


def forms(text: str) -> set[str]:
    """Stems run together, as they stand and sorted: "step ladder" is "stepladder", and "ladder step"."""
    words = stem(text).split()
    return {"".join(words), "".join(sorted(words))}


def hold_out(label: str, words: tuple[str, ...], least: int) -> tuple[str, ...]:
    """One word for the evaluation where there are `least` of them, chosen by its hash: the same in every run."""
    if len(words) < least:
        return ()
    return (min(words, key=lambda word: hashlib.sha256((label + word).encode()).digest()),)


def without(words: tuple[str, ...], left_out: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in words if word not in left_out)


def count_motifs(tier: int) -> int:
    """How many motifs the tiers up to `tier` hold; they come first in `load_motifs`."""
    return len(read_list(tier))
