"""A motif's tags are its own: no other motif's, no name, and more than its own names say."""

from __future__ import annotations

from training import motifs


def test_tags_that_two_share_or_that_are_names_are_no_ones() -> None:
    wanted = {"fox": ("fox", "red fox"), "wolf": ("wolf",), "rose": ("rose",)}
    tags = {"fox": ("cunning", "forest", "red"), "wolf": ("forest", "pack", "fox"), "rose": ("valentine",)}

    own = motifs.own_tags(wanted, tags)

    assert own == {"fox": ("cunning",), "wolf": ("pack",), "rose": ("valentine",)}


def test_a_tag_is_shared_only_with_motifs_that_are_there() -> None:
    tags = {"fox": ("forest",), "wolf": ("forest",)}

    assert motifs.own_tags({"fox": ("fox",)}, tags) == {"fox": ("forest",)}
