"""What is drawn for training: motifs with a colour in their name are seen on many backgrounds."""

from __future__ import annotations

from collections import defaultdict

from training import latents, lists, pictures


def test_the_red_apple_stands_on_many_colours_in_both_styles() -> None:
    # Given the numbers of two motifs, one named after its colour
    labels = list(lists.read_list())
    apple, fox = labels.index("red apple"), labels.index("fox")

    # When the additional pictures are planned
    colours = defaultdict(set)
    for entry in latents.plan_named_colours(lists.LAST_TIER):
        colours[entry.motifs, entry.style].add(entry.colour)

    # Then the apple has its share of different ones in each style, and the fox none
    assert {len(colours[(apple,), style]) for style in pictures.STYLES} == {latents.NAMED_COLOUR_VARIANTS}
    assert not {(fox,)} & {motifs for motifs, _ in colours}
