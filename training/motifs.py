"""Knows the words and the picture of every motif, from the lists and emojibase; not how captions are phrased."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import cache

from training import lists, pictures, workspace


@dataclass(frozen=True)
class Motif:
    """One motif. `row` is its place in the picture arrays; the two fields `held_out_…` are never trained on.

    `neighbours` are words that nobody listed, see `training.neighbours`.
    """

    label: str
    names: tuple[str, ...]
    synonyms: tuple[str, ...]
    tags: tuple[str, ...]
    held_out_synonyms: tuple[str, ...]
    held_out_tags: tuple[str, ...]
    row: int
    neighbours: tuple[str, ...] = ()

    @property
    def listed(self) -> tuple[str, ...]:
        """What captions may call it, but for its neighbours."""
        return (*self.names, *self.synonyms, *self.tags)


@cache
def load_motifs() -> tuple[Motif, ...]:
    """The motifs of all tiers in list order, with tags that no other one shares."""
    wanted = lists.read_list()
    rows = {code: row for row, code in enumerate(pictures.load_codes())}
    entries = {e["label"]: e for e in json.loads(workspace.EMOJIBASE.read_text())}
    synonyms, more = lists.read_synonyms(), lists.read_synonyms(lists.MORE_SYNONYMS)
    spread = Counter(tag for label in wanted for tag in set(entries[label].get("tags", ())))
    taken = {name for names in wanted.values() for name in names}
    motifs = []
    for label, names in wanted.items():
        known = set(" ".join(names).split())
        tags = tuple(
            tag
            for tag in entries[label].get("tags", ())
            if spread[tag] == 1 and tag not in taken and not set(tag.lower().split()) <= known
        )
        # The tags of motifs with three names were all trained by the run that the shipped UNet goes on from.
        third_name = lists.without(names[2:], (label.lower(),))
        unseen_tags = () if third_name else lists.hold_out(label, tags, least=2)
        trained_tags = lists.without(tags, unseen_tags)
        others = synonyms[label]
        unseen = lists.hold_out(label, lists.without(others, trained_tags), least=3)
        motifs.append(
            Motif(
                label=label,
                names=names,
                synonyms=(*lists.without(others, unseen), *more[label]),
                tags=lists.without(trained_tags, (*others, *more[label])),
                held_out_synonyms=unseen,
                held_out_tags=lists.without(unseen_tags, (*others, *more[label])),
                row=rows[entries[label]["hexcode"]],
            )
        )
    return tuple(motifs)
