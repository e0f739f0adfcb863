"""How to train the net that says which motif a picture shows, in which style, on which colour.

What it calls them is kept beside its weights, as JSON in the file's own metadata.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderTiny
from safetensors.torch import save_file
from torch import nn

from training import captions, motifs, pictures, workspace
from worker.nets.describer import SIDE, Describer

logger = logging.getLogger(__name__)

BATCH = 48
HALF = pictures.SIZE // 2
PAIRS, WHITE, DECODED = 0.15, 0.4, 0.1
"""Shares of the pictures with two motifs, on white, and passed through the model's own autoencoder."""

NAMES_KEPT = 4
"""Of each motif, the name that people use first."""


@cache
def halves(style: str) -> torch.Tensor:
    """All pictures of a style, half as wide and high: [motifs, 4, HALF, HALF], colours times opacity."""
    made = []
    for source in pictures.load_pictures(style):
        piece = torch.from_numpy(source.copy()).permute(2, 0, 1)[None] / 255.0
        piece = torch.cat([piece[:, :3] * piece[:, 3:], piece[:, 3:]], 1)
        made.append(F.interpolate(piece, (HALF, HALF), mode="area").half())
    return torch.cat(made)


def draw_batch(rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pictures [BATCH, 3, HALF, HALF] in 0…1, the share of each motif in them, the numbers of style and colour."""
    known, side = motifs.load_motifs(), HALF
    shown, shares = torch.empty(BATCH, 3, side, side), torch.zeros(BATCH, len(known))
    styles, colours = torch.empty(BATCH, dtype=torch.long), torch.empty(BATCH, dtype=torch.long)
    values = torch.tensor(list(captions.COLOURS.values())) / 255.0
    for place in range(BATCH):
        style, colour = int(rng.integers(2)), 0 if rng.random() < WHITE else int(rng.integers(len(values)))
        tint = (values[colour] + torch.randn(3) * 0.02).clamp(0, 1) if colour else values[colour]
        canvas = tint[:, None, None].repeat(1, side, side)
        chosen = rng.choice(len(known), 2 if rng.random() < PAIRS else 1, replace=False)
        for number, index in enumerate(chosen):
            piece = halves(pictures.STYLES[style])[known[index].row][None].float()
            piece = piece.flip(-1) if rng.random() < 0.5 else piece
            much = (
                rng.uniform(0.42, 0.5) if len(chosen) == 2 else (1.0 if rng.random() < 0.4 else rng.uniform(0.6, 1.0))
            )
            width = round(side * much)
            piece = F.interpolate(piece, (width, width), mode="area") if width != side else piece
            room = side - width
            left = round(side * (0.25 + 0.5 * number) - width / 2) if len(chosen) == 2 else int(rng.integers(room + 1))
            left, top = max(0, min(left, room)), int(rng.integers(room // 4, room - room // 4 + 1))
            box = (slice(None), slice(top, top + width), slice(left, left + width))
            canvas[box] = canvas[box] * (1 - piece[0, 3:]) + piece[0, :3]
            shares[place, index] = 1 / len(chosen)
        shown[place], styles[place], colours[place] = canvas, style, colour
    return shown, shares, styles, colours


@torch.no_grad()
def as_given(shown: torch.Tensor, vae: AutoencoderTiny, rng: np.random.Generator) -> torch.Tensor:
    """[rows, 3, SIDE, SIDE]: as the model draws them, and a little other in light and colour."""
    some = torch.from_numpy(rng.random(len(shown)) < DECODED)
    if some.any():
        shown[some] = vae.decoder(vae.encoder(shown[some] * 2 - 1)) / 2 + 0.5
    small = F.interpolate(shown, (SIDE, SIDE), mode="area")
    light = 1 + torch.randn(len(small), 1, 1, 1) * 0.06
    return (small * light + torch.randn_like(small) * 0.015).clamp(0, 1)


@torch.no_grad()
def measure(net: Describer, vae: AutoencoderTiny, batches: int = 8) -> dict[str, float]:
    """The shares of pictures whose motif, style and colour are told right; of pairs, the first of them."""
    net.eval()
    rng = np.random.default_rng(4)
    right: dict[str, list[float]] = {"motif": [], "style": [], "colour": []}
    for _ in range(batches):
        shown, shares, styles, colours = draw_batch(rng)
        seen = net(as_given(shown, vae, rng))
        right["motif"] += (shares.gather(1, seen.motifs.argmax(1, keepdim=True)) > 0)[:, 0].float().tolist()
        right["style"] += (seen.styles.argmax(1) == styles).float().tolist()
        right["colour"] += (seen.colours.argmax(1) == colours).float().tolist()
    net.train()
    return {name: float(np.mean(values)) for name, values in right.items()}


def vocabulary() -> dict[str, object]:
    """What it calls what it sees: of each motif the names that people use; styles as captions put them; colours."""
    return {
        "motifs": [list(dict.fromkeys((*motif.names, *motif.synonyms)))[:NAMES_KEPT] for motif in motifs.load_motifs()],
        "styles": [list(captions.STYLE_FRONT[style][:4]) for style in pictures.STYLES],
        "colours": list(captions.COLOUR_NAMES),
    }


def save(net: Describer, state: dict[str, float]) -> None:
    workspace.DESCRIBER.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in net.state_dict().items() if not name.endswith("num_batches_tracked")}
    halves = {name: value.detach().half().contiguous() for name, value in kept.items()}
    words = {"vocabulary": json.dumps(vocabulary())}
    save_file(halves, workspace.DESCRIBER / "describer.safetensors", metadata=words)
    (workspace.DESCRIBER / "state.json").write_text(json.dumps(state))


def train(minutes: float, rate: float, bf16: bool) -> None:
    rng = np.random.default_rng(2)
    torch.manual_seed(2)
    vae = AutoencoderTiny.from_pretrained(workspace.MODEL / "vae").eval()
    net = Describer(len(motifs.load_motifs()), len(pictures.STYLES), len(captions.COLOURS)).train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=1e-2)
    start, told, step = time.monotonic(), time.monotonic(), 0
    while (used := (time.monotonic() - start) / (minutes * 60)) < 1.0:
        optimiser.param_groups[0]["lr"] = rate * max(1.0 - used, 0.01) * min(1.0, (step + 1) / 100)
        shown, shares, styles, colours = draw_batch(rng)
        given = as_given(shown, vae, rng)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            seen = net(given)
        loss = (
            F.cross_entropy(seen.motifs.float(), shares)
            + 0.3 * F.cross_entropy(seen.styles.float(), styles)
            + 0.3 * F.cross_entropy(seen.colours.float(), colours)
        )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        step += 1
        if time.monotonic() - told > 120:
            told = time.monotonic()
            figures = measure(net, vae)
            save(net, {"steps": step, **figures})
            logger.info("%d steps, %.0f%%: loss %.4f, %s", step, 100 * used, loss.item(), figures)
    figures = measure(net, vae, 32)
    save(net, {"steps": step, **figures})
    logger.info("%d steps: %s", step, figures)


def main() -> None:
    workspace.start_logging()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--bf16", action="store_true")
    arguments = parser.parse_args()
    train(arguments.minutes, arguments.rate, arguments.bf16)


if __name__ == "__main__":
    main()
