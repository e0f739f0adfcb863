"""How to fill the cache the UNet trains from: composites as latents, captions as token states.

Knows nothing of diffusion. Everything is computed once: encoding on the fly would cost as much as training.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from diffusers import AutoencoderTiny
from PIL import Image
from tqdm import tqdm

from training import captions, lists, motifs, neighbours, pictures, words, workspace

logger = logging.getLogger(__name__)

WHITE_VARIANTS, COLOUR_VARIANTS, CAPTIONS_EACH = 6, 8, 4
# What pictures of two motifs stand on: few, since halves are put together anew only on the same background.
PAIR_COLOURS = ("white", "white", "black", "grey", "yellow", "cream", "green", "sky blue", "dark blue", "pink")
PAIR_CENTRES, PAIR_WIDTH = (0.25, 0.75), 0.48
# A colour in a motif's name mixes with that of its background unless many of them are seen with it.
NAMED_COLOUR_VARIANTS = 16


@dataclass(frozen=True)
class Entry:
    """One training picture: what is on it, how it was placed and what it may be called."""

    motifs: tuple[int, ...]
    style: str
    colour: str
    scale: float
    shift: tuple[float, float]
    mirrored: bool
    captions: tuple[str, ...] = ()


def plan_entry(chosen: tuple[int, ...], style: str, colour: str, rng: random.Random, plain: bool) -> Entry:
    """`plain` keeps the picture as it was drawn; else a little smaller, elsewhere, perhaps mirrored."""
    scale = 1.0 if plain else rng.uniform(0.78, 1.0)
    room = (1.0 - scale) / 2
    shift = (0.0, 0.0) if plain else (rng.uniform(-room, room), rng.uniform(-room, room))
    return Entry(chosen, style, colour, scale, shift, not plain and rng.random() < 0.5)


def caption_all(entries: list[Entry]) -> list[Entry]:
    """The same pictures with words: other words never move a picture, so cached latents stay right."""
    known = neighbours.add_neighbours(motifs.load_motifs(), *words.load_encoder(workspace.device()))
    logger.info("%d words next to the listed ones", sum(len(motif.neighbours) for motif in known))
    return with_captions(entries, known)


def with_captions(entries: list[Entry], known: Sequence[motifs.Motif]) -> list[Entry]:
    rng = random.Random(8)
    return [
        replace(
            entry,
            captions=tuple(
                captions.write_caption(tuple(known[n] for n in entry.motifs), entry.style, entry.colour, rng)
                for _ in range(CAPTIONS_EACH)
            ),
        )
        for entry in entries
    ]


def plan(tier: int) -> list[Entry]:
    """Every motif in both styles, alone on white and on colours, and in pairs. The same plan in every run."""
    rng = random.Random(7)
    count = lists.count_motifs(tier)
    entries = []
    for index in range(count):
        for style in pictures.STYLES:
            for number in range(WHITE_VARIANTS):
                entries.append(plan_entry((index,), style, "white", rng, number < WHITE_VARIANTS // 2))
            for number, colour in enumerate(rng.sample(captions.COLOUR_NAMES[1:], COLOUR_VARIANTS)):
                entries.append(plan_entry((index,), style, colour, rng, number < COLOUR_VARIANTS // 2))
    for style in pictures.STYLES:
        for colour in PAIR_COLOURS:
            order = rng.sample(range(count), count)
            entries += [
                plan_entry(two, style, colour, rng, False) for two in zip(order[::2], order[1::2], strict=False)
            ]
    return caption_all([*entries, *plan_named_colours(tier)])


def plan_named_colours(tier: int) -> list[Entry]:
    """More backgrounds for the red apple and its like: they are drawn four times as often on a colour as others."""
    rng = random.Random(9)
    named = [
        index
        for index, names in enumerate(lists.read_list(tier).values())
        if not {*captions.COLOUR_NAMES}.isdisjoint(names[0].split())
    ]
    return [
        plan_entry((index,), style, colour, rng, plain=True)
        for index in named
        for style in pictures.STYLES
        for colour in rng.sample(captions.COLOUR_NAMES, NAMED_COLOUR_VARIANTS)
    ]


def place(picture: np.ndarray, box: tuple[int, int, int], mirrored: bool, canvas: Image.Image) -> None:
    """Paste an RGBA picture, resized to `box` (left, top, side), onto the canvas."""
    left, top, side = box
    image = Image.fromarray(picture)
    if mirrored:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if side != pictures.SIZE:
        image = image.resize((side, side), Image.Resampling.LANCZOS)
    canvas.alpha_composite(image, (left, top))


def compose(entry: Entry) -> Image.Image:
    """The picture of an entry, 256 pixels; two motifs share the width."""
    known = motifs.load_motifs()
    canvas = Image.new("RGBA", (pictures.SIZE,) * 2, (*captions.COLOURS[entry.colour], 255))
    alone = len(entry.motifs) == 1
    for number, index in enumerate(entry.motifs):
        side = round(pictures.SIZE * (entry.scale if alone else PAIR_WIDTH * (0.92 + 0.08 * entry.scale)))
        centre = 0.5 + entry.shift[0] if alone else PAIR_CENTRES[number]
        left = round(pictures.SIZE * centre - side / 2)
        top = round(pictures.SIZE * (0.5 + entry.shift[1]) - side / 2)
        box = (max(0, min(left, pictures.SIZE - side)), max(0, min(top, pictures.SIZE - side)), side)
        picture = np.asarray(pictures.load_pictures(entry.style)[known[index].row])
        place(picture, box, entry.mirrored and alone, canvas)
    return canvas.convert("RGB")


def to_tensor(images: list[Image.Image]) -> torch.Tensor:
    return torch.from_numpy(np.stack([np.asarray(image) for image in images])).permute(0, 3, 1, 2) / 127.5 - 1.0


def batches(items: list, size: int) -> Iterator[list]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


@torch.no_grad()
def encode_pictures(entries: list[Entry], batch: int = 16) -> None:
    """Latents at 256 and at 128 pixels, and the scale that gives them unit variance."""
    device = workspace.device()
    model = AutoencoderTiny.from_pretrained(workspace.AUTOENCODER).to(device).eval()
    full = np.empty((len(entries), 4, 32, 32), np.float16)
    half = np.empty((len(entries), 4, 16, 16), np.float16)
    bar = tqdm(total=len(entries), desc="latents", mininterval=5)
    start = 0
    for part in batches(entries, batch):
        pixels = to_tensor([compose(entry) for entry in part]).to(device)
        end = start + len(part)
        full[start:end] = model.encoder(pixels).cpu().numpy()
        small = torch.nn.functional.interpolate(pixels, scale_factor=0.5, mode="bilinear", antialias=True)
        half[start:end] = model.encoder(small).cpu().numpy()
        start = end
        bar.update(len(part))
    np.save(workspace.LATENTS / "full.npy", full)
    np.save(workspace.LATENTS / "half.npy", half)
    save_scale(full.astype(np.float32))


def save_scale(latents: np.ndarray) -> None:
    """Measured once; a scale that an exported UNet was trained with stays."""
    path = workspace.LATENTS / "scale.json"
    if path.exists() and json.loads(path.read_text()).get("fixed"):
        return
    scale = {"mean": float(latents.mean()), "std": float(latents.std())}
    path.write_text(json.dumps(scale))
    logger.info("latents: %s, by channel %s", scale, latents.std(axis=(0, 2, 3)).tolist())


def encode_captions(entries: list[Entry], batch: int = 64) -> None:
    """Token states of every caption once; the first is that of the empty prompt."""
    texts = ["", *sorted({text for entry in entries for text in entry.captions})]
    model, tokenizer = words.load_taught(workspace.device())
    states = np.empty((len(texts), words.MAX_TOKENS, 384), np.float16)
    bar = tqdm(total=len(texts), desc="captions", mininterval=5)
    for number, part in enumerate(batches(texts, batch)):
        start = number * batch
        states[start : start + len(part)] = words.encode(part, model, tokenizer).cpu().numpy()
        bar.update(len(part))
    np.save(workspace.LATENTS / "captions.npy", states)
    (workspace.LATENTS / "captions.json").write_text(json.dumps(texts))


def main() -> None:
    workspace.start_logging()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tier", type=int, default=lists.LAST_TIER, help="motifs of the tiers up to this one")
    parser.add_argument("--only", choices=("captions", "pictures"))
    arguments = parser.parse_args()
    workspace.LATENTS.mkdir(parents=True, exist_ok=True)
    entries = plan(arguments.tier)
    (workspace.LATENTS / "entries.json").write_text(json.dumps([asdict(entry) for entry in entries]))
    logger.info("%d pictures", len(entries))
    if arguments.only != "pictures":
        encode_captions(entries)
    if arguments.only != "captions":
        encode_pictures(entries)


if __name__ == "__main__":
    main()
