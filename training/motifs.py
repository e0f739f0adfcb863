"""The words and the picture of every motif, from the lists and emojibase."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
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


def own_tags(wanted: dict[str, tuple[str, ...]], tags: dict[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Of every motif the tags that no other one shares, that are no name and that say more than its own names."""
    spread = Counter(tag for label in wanted for tag in set(tags[label]))
    taken = {name for names in wanted.values() for name in names}
    return {
        label: tuple(
            tag
            for tag in tags[label]
            if spread[tag] == 1 and tag not in taken and not set(tag.lower().split()) <= set(" ".join(names).split())
        )
        for label, names in wanted.items()
    }


@cache
def load_motifs() -> tuple[Motif, ...]:
    """The motifs of all tiers in list order.

    Words are held out of the tiers up to `lists.HELD_OUT_TIER`, as they were chosen when these were all: later motifs
    that share a tag never make another one, trained until then, the one that is held out. Tags that are a word of
    another motif are no one's.
    """
    wanted = lists.read_list()
    rows = {code: row for row, code in enumerate(pictures.load_codes())}
    entries = {e["label"]: e for e in json.loads(workspace.EMOJIBASE.read_text())}
    tagged = {label: entries[label].get("tags", ()) for label in wanted}
    synonyms, more = lists.read_synonyms(), lists.read_synonyms(lists.MORE_SYNONYMS)
    written = {word for label in wanted for word in (*synonyms[label], *more[label])} | lists.UNFIT
    unshared = own_tags(wanted, tagged)
    at_first = own_tags(lists.read_list(lists.HELD_OUT_TIER), tagged)
    motifs = []
    for label, names in wanted.items():
        holds_out = label in at_first
        tags, unambiguous = at_first.get(label, unshared[label]), {*unshared[label]} - written
        # Of motifs with three names the first runs trained all tags, and later ones keep to it.
        third_name = lists.without(names[2:], (label.lower(),))
        unseen_tags = lists.hold_out(label, tags, least=2) if holds_out and not third_name else ()
        trained_tags = lists.without(tags, unseen_tags)
        others = synonyms[label]
        unseen = lists.hold_out(label, lists.without(others, trained_tags), least=3) if holds_out else ()
        motifs.append(
            Motif(
                label=label,
                names=names,
                synonyms=(*lists.without(others, unseen), *more[label]),
                tags=tuple(tag for tag in trained_tags if tag in unambiguous),
                held_out_synonyms=unseen,
                held_out_tags=tuple(tag for tag in unseen_tags if tag in unambiguous),
                row=rows[entries[label]["hexcode"]],
            )
        )
    return tuple(motifs)
