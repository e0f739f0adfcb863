"""The cached latents and token states and how batches are drawn from them.

Two things are done to a batch beyond drawing it, both against learning by heart. A caption's states are blurred towards
those of another one, mostly of another motif (mixup, Zhang et al. 2018, arXiv:1710.09412, of the input alone), so that
words nobody listed still lead to the motif nearest in meaning. And some pictures come as twins: one motif, both styles.
"""

from __future__ import annotations

import json
import random

import numpy as np
import torch

from training import captions, lists, motifs, words, workspace

EMPTY_SHARE, SOLID_SHARE, PAIR_SHARE, WHITE_SHARE = 0.10, 0.50, 0.10, 0.40
# Of the batch: pictures whose caption is blurred, how far at most, and pictures that come with a twin.
BLUR_SHARE, BLUR_MOST, TWIN_SHARE = 0.5, 0.4, 0.125
# Pictures as they were drawn teach a motif soonest; moved and mirrored ones count for less, as do motifs known before.
MOVED_WEIGHT, KNOWN_WEIGHT = 0.3, 0.4


class Cache:
    """The latents and token states, and how often each picture is drawn."""

    def __init__(self, device: torch.device, tier: int, known_tier: int) -> None:
        scale = json.loads((workspace.LATENTS / "scale.json").read_text())
        self.scale = 1.0 / scale["std"]
        self.latents = {side: np.load(workspace.LATENTS / f"{name}.npy") for side, name in ((32, "full"), (16, "half"))}
        self.states = np.load(workspace.LATENTS / "captions.npy", mmap_mode="r")
        numbers = {text: n for n, text in enumerate(json.loads((workspace.LATENTS / "captions.json").read_text()))}
        self.entries = json.loads((workspace.LATENTS / "entries.json").read_text())
        if len(self.entries) != len(self.latents[32]):
            raise SystemExit(
                "captions and latents are of different plans: run training.latents with one --tier for both"
            )
        self.choices = np.array([[numbers[text] for text in entry["captions"]] for entry in self.entries])
        self.weights = draw_weights(self.entries, lists.count_motifs(tier), lists.count_motifs(known_tier))
        self.pairs = group(self.entries, self.weights, of_two=True)
        self.alone = group(self.entries, self.weights, of_two=False)
        self.twins = find_twins(self.entries, self.weights)
        self.encoder = words.load_taught(device)
        self.device = device
        self.empty = torch.from_numpy(self.states[:1].astype(np.float32)).to(device)

    def draw(self, size: int, side: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, int]:
        """Latents, token states, and how many of the last rows are the twins of as many first ones."""
        twins = round(size * TWIN_SHARE)
        both = self.twins[rng.integers(len(self.twins), size=twins)]
        rows = np.concatenate([both[:, 0], rng.choice(len(self.entries), size - 2 * twins, p=self.weights), both[:, 1]])
        latents = torch.from_numpy(self.latents[side][rows].astype(np.float32)) * self.scale
        latents, states = latents.to(self.device), self.pick_captions(rows, rng).to(self.device)
        self.blur(rows, states, rng)
        paired = [place for place, row in enumerate(rows) if len(self.entries[row]["motifs"]) > 1]
        if paired:
            self.pair_anew(paired, rows, latents, states, rng)
        empty = rng.random(size) < EMPTY_SHARE
        empty[size - twins :] = empty[:twins]
        states[torch.from_numpy(empty)] = self.empty[0]
        return latents, states, twins

    def pick_captions(self, rows: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
        texts = self.choices[rows, rng.integers(self.choices.shape[1], size=len(rows))]
        return torch.from_numpy(np.stack([self.states[text] for text in texts]).astype(np.float32))

    def blur(self, rows: np.ndarray, states: torch.Tensor, rng: np.random.Generator) -> None:
        """Move the states of single motifs some way towards others of the same style and colour, in place."""
        places = [
            place
            for place, row in enumerate(rows)
            if len(self.entries[row]["motifs"]) == 1 and rng.random() < BLUR_SHARE
        ]
        if not places:
            return
        kinds = [(self.entries[rows[place]]["style"], self.entries[rows[place]]["colour"]) for place in places]
        others = self.pick_captions(np.array([rng.choice(self.alone[kind]) for kind in kinds], dtype=int), rng)
        far = torch.from_numpy(rng.uniform(0, BLUR_MOST, (len(places), 1, 1)).astype(np.float32))
        states[places] = states[places].lerp(others.to(states.device), far.to(states.device))

    def pair_anew(
        self, paired: list[int], rows: np.ndarray, latents: torch.Tensor, states: torch.Tensor, rng: np.random.Generator
    ) -> None:
        """Left halves stay and get another right half of their kind: pairs that the cache does not hold, in place."""
        known, wording = motifs.load_motifs(), random.Random(int(rng.integers(2**32)))
        texts = []
        for place in paired:
            entry = self.entries[rows[place]]
            other = int(rng.choice(self.pairs[entry["style"], entry["colour"]]))
            two = (entry["motifs"][0], self.entries[other]["motifs"][1])
            if two[0] == two[1]:
                other, two = int(rows[place]), tuple(entry["motifs"])
            half = latents.shape[-1] // 2
            right = self.latents[latents.shape[-1]][other, :, :, half:].astype(np.float32)
            latents[place, :, :, half:] = torch.from_numpy(right) * self.scale
            texts.append(
                captions.write_caption((known[two[0]], known[two[1]]), entry["style"], entry["colour"], wording)
            )
        states[paired] = words.encode(texts, *self.encoder)


def group(entries: list[dict], weights: np.ndarray, of_two: bool) -> dict[tuple[str, str], list[int]]:
    """Rows of pictures of one or of two motifs that are drawn at all, by style and background."""
    groups: dict[tuple[str, str], list[int]] = {}
    for row, entry in enumerate(entries):
        if (len(entry["motifs"]) > 1) == of_two and weights[row]:
            groups.setdefault((entry["style"], entry["colour"]), []).append(row)
    return groups


def find_twins(entries: list[dict], weights: np.ndarray) -> np.ndarray:
    """Pairs of rows that differ in the style alone: motifs as they were drawn, on the same background."""
    plain: dict[tuple[int, str], dict[str, int]] = {}
    for row, entry in enumerate(entries):
        if len(entry["motifs"]) == 1 and entry["scale"] == 1.0 and weights[row]:
            plain.setdefault((entry["motifs"][0], entry["colour"]), {})[entry["style"]] = row
    return np.array([tuple(rows.values()) for rows in plain.values() if len(rows) > 1])


def draw_weights(entries: list[dict], count: int, known: int) -> np.ndarray:
    """Shares by style, background and number of motifs, among pictures of the first `count` motifs."""
    kinds = [(len(e["motifs"]) > 1, e["style"], len(e["motifs"]) == 1 and e["colour"] == "white") for e in entries]
    shares = {}
    for style, share in (("3d", SOLID_SHARE), ("flat", 1 - SOLID_SHARE)):
        shares[True, style, False] = PAIR_SHARE * share
        shares[False, style, True] = (1 - PAIR_SHARE) * share * WHITE_SHARE
        shares[False, style, False] = (1 - PAIR_SHARE) * share * (1 - WHITE_SHARE)
    wanted = [max(e["motifs"]) < count for e in entries]
    kinds = [kind if use else None for kind, use in zip(kinds, wanted, strict=True)]
    shares[None] = 0.0
    parts = [
        (MOVED_WEIGHT if len(e["motifs"]) == 1 and e["scale"] < 1 else 1.0)
        * (KNOWN_WEIGHT if max(e["motifs"]) < known else 1.0)
        for e in entries
    ]
    sums = dict.fromkeys(kinds, 0.0)
    for kind, part in zip(kinds, parts, strict=True):
        sums[kind] += part
    weights = np.array([shares[kind] / sums[kind] * part for kind, part in zip(kinds, parts, strict=True)])
    return weights / weights.sum()
