"""How to teach the bundled model a style: a small LoRA for its UNet, from the training pictures put into that style."""

from __future__ import annotations

import argparse
import json
import logging
import random
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny, UNet2DConditionModel
from torch import nn
from torch.func import functional_call
from tqdm import tqdm

from training import captions, diffusion, latents, lists, motifs, sheets, words, workspace
from training.low_rank import LowRank
from training.styles import STYLES
from training.unet import rate_at
from worker.allocator import keep_freed_memory
from worker.threads import adaptive_threads

logger = logging.getLogger(__name__)

SAID_SHARE = 0.5
"""Of captions that name the style: it is the LoRA that asks for it, with the words or without."""
BACKGROUNDS = 3
"""Pictures of each motif in each of the two styles of the set: on white, and on colours."""


def prepare(style: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents [pictures, 4, 32, 32] and token states [pictures, tokens, 384] of every motif, in the style."""
    device, rng = workspace.device(), random.Random(11)
    said, stylise = STYLES[style]
    model = AutoencoderTiny.from_pretrained(workspace.AUTOENCODER).to(device).eval()
    scale = 1.0 / json.loads((workspace.LATENTS / "scale.json").read_text())["std"]
    known, encoder = motifs.load_motifs(), words.load_taught(device)
    entries = [
        latents.plan_entry((motif,), kind, colour, rng, plain=True)
        for motif in range(lists.count_motifs(lists.SHIPPED_TIER))
        for kind in ("3d", "flat")
        for colour in ("white", *rng.sample(captions.COLOUR_NAMES[1:], BACKGROUNDS - 1))
    ]
    made, states = [], []
    for part in tqdm([*latents.batches(entries, 16)], desc=style, mininterval=5):
        texts = [caption(known[entry.motifs[0]], entry.colour, said, rng) for entry in part]
        pixels = latents.to_tensor([stylise(latents.compose(entry)) for entry in part]).to(device)
        with torch.no_grad():
            made.append(model.encoder(pixels) * scale)
            states.append(words.encode(texts, *encoder))
    return torch.cat(made), torch.cat(states)


def caption(motif: motifs.Motif, colour: str, said: str, rng: random.Random) -> str:
    """What a person might type with the LoRA on: with its words or without."""
    subject = captions.say_motif(motif, rng)
    if rng.random() < SAID_SHARE:
        subject = rng.choice((f"a {said} of {subject}", f"{said} of {subject}", f"{subject}, {said}"))
    return captions.say_background(subject, colour, rng)


def train(arguments: argparse.Namespace) -> None:
    torch.manual_seed(0)
    device, folder = workspace.device(), workspace.WORK / arguments.style
    pictures, states = prepare(arguments.style)
    network = UNet2DConditionModel.from_pretrained(arguments.base, dtype=torch.float32).to(device)
    network.eval().requires_grad_(False)
    change = LowRank(network, arguments.rank).to(device)
    optimiser = torch.optim.AdamW(change.parameters(), lr=arguments.rate, betas=(0.9, 0.99), weight_decay=0.0)
    alphas, rng = diffusion.signal_levels().to(device), np.random.default_rng(0)
    empty = words.encode([""], *words.load_taught(device))
    adapt_threads, losses, began = adaptive_threads(), [], time.monotonic()
    bar = tqdm(desc=arguments.style, unit="picture", mininterval=15)
    while (used := (time.monotonic() - began) / (60 * arguments.minutes)) < 1:
        adapt_threads()
        optimiser.param_groups[0]["lr"] = arguments.rate * rate_at(used, len(losses), 0.4)
        rows = torch.from_numpy(rng.choice(len(pictures), arguments.batch, replace=False))
        told = states[rows].clone()
        told[torch.from_numpy(rng.random(len(rows)) < 0.1)] = empty[0]
        weights = change.weights(network)
        with torch.autocast(device.type, torch.bfloat16, enabled=arguments.bf16):
            loss = diffusion.velocity_loss(
                lambda *inputs, weights=weights, **said: functional_call(network, weights, inputs, said),
                pictures[rows],
                told,
                alphas,
            )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(change.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
        bar.update(len(rows))
        bar.set_postfix(loss=f"{np.mean(losses[-100:]):.4f}", step=len(losses))
    change.save(folder)
    sheets.plot_losses(losses, folder / "loss.png", arguments.style)
    logger.info("%d pictures, loss %.4f", bar.n, np.mean(losses[-100:]))


def main() -> None:
    keep_freed_memory()
    workspace.start_logging()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("style", choices=[*STYLES])
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--bf16", action="store_true", help="faster where the processor has it")
    parser.add_argument("--base", type=Path, default=workspace.MODEL / "unet")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
