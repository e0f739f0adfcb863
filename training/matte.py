"""How to train the net that cuts out what a picture shows, on motifs whose opacity is known.

They are laid on plain colours, on gradients, on noise and on blurred pictures of other motifs, in their own size and
smaller; a share is passed through the model's own autoencoder, whose pictures it is for. One motif in sixteen is held
out.
"""

from __future__ import annotations

import argparse
import json
import logging
import time

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderTiny
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

from training import autoencoder, captions, pictures, workspace
from training.upscaler import blurred, held_out
from worker.nets.matte import Matte

logger = logging.getLogger(__name__)

BATCH = 8
DECODED, STAINED = 0.12, 0.2
"""Shares of the pictures that are passed through the autoencoder, and that noise is put on."""


def draw_background(rng: np.random.Generator, rows: np.ndarray) -> torch.Tensor:
    """[3, SIZE, SIZE] in 0…1: mostly plain, as the model draws them."""
    size, kind = pictures.SIZE, rng.random()
    plain = torch.from_numpy(autoencoder.random_backgrounds(2, rng) / 255.0).float()
    if rng.random() < 0.5:
        plain[0] = torch.tensor(list(captions.COLOURS.values())[rng.integers(len(captions.COLOURS))]) / 255.0
    whole = plain[0, :, None, None].expand(3, size, size)
    if kind < 0.6:
        return whole
    if kind < 0.8:
        along = torch.linspace(0, 1, size)
        slope = along[None, :, None] if rng.random() < 0.5 else along[None, None, :]
        return whole.lerp(plain[1, :, None, None].expand_as(whole), slope.expand(3, size, size))
    if kind < 0.9:
        coarse = torch.rand(1, 3, *(int(side) for side in rng.integers(2, 24, 2)))
        spread = float(rng.uniform(0.1, 0.6))
        return (whole + (F.interpolate(coarse, (size, size), mode="bicubic")[0] - 0.5) * spread).clamp(0, 1)
    source = pictures.load_pictures(pictures.STYLES[rng.integers(2)])[rng.choice(rows)]
    other = torch.from_numpy(source[..., :3].copy()).permute(2, 0, 1)[None] / 255.0
    return F.interpolate(F.interpolate(other, (16, 16), mode="area"), (size, size), mode="bicubic")[0].clamp(0, 1)


def draw_batch(size: int, rows: np.ndarray, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures [size, 3, SIZE, SIZE] and the opacity [size, 1, SIZE, SIZE] of what they show, in 0…1."""
    side = pictures.SIZE
    shown, opacity = torch.empty(size, 3, side, side), torch.zeros(size, 1, side, side)
    for place in range(size):
        canvas = draw_background(rng, rows).clone()
        count = 2 if rng.random() < 0.15 else 1
        for number in range(count):
            source = pictures.load_pictures(pictures.STYLES[rng.integers(2)])[rng.choice(rows)]
            piece = torch.from_numpy(source.copy()).permute(2, 0, 1)[None] / 255.0
            piece = piece.flip(-1) if rng.random() < 0.5 else piece
            much = rng.uniform(0.4, 0.5) if count == 2 else (1.0 if rng.random() < 0.4 else rng.uniform(0.4, 1.0))
            width = round(side * much)
            if width != side:
                colours = piece[:, :3] * piece[:, 3:]
                piece = F.interpolate(torch.cat([colours, piece[:, 3:]], 1), (width, width), mode="area")
            else:
                piece = torch.cat([piece[:, :3] * piece[:, 3:], piece[:, 3:]], 1)
            left = (
                round(side * (0.25 + 0.5 * number) - width / 2)
                if count == 2
                else int(rng.integers(0, side - width + 1))
            )
            left, top = max(0, min(left, side - width)), int(rng.integers(0, side - width + 1))
            box = (slice(None), slice(top, top + width), slice(left, left + width))
            canvas[box] = canvas[box] * (1 - piece[0, 3:]) + piece[0, :3]
            opacity[place][box] = torch.maximum(opacity[place][box], piece[0, 3:])
        shown[place] = canvas
    return shown, opacity


@torch.no_grad()
def made_worse(shown: torch.Tensor, vae: AutoencoderTiny, rng: np.random.Generator) -> torch.Tensor:
    """As models draw them and files keep them."""
    rows = []
    for row in shown.split(1):
        made = vae.decoder(vae.encoder(row * 2 - 1)) / 2 + 0.5 if rng.random() < DECODED else row
        made = blurred(made, float(rng.uniform(0.3, 1.0))) if rng.random() < 0.2 else made
        rows.append(made + torch.randn_like(made) * float(rng.uniform(0, 6) / 255) if rng.random() < STAINED else made)
    return torch.cat(rows).clamp(0, 1)


@torch.no_grad()
def measure(net: Matte, rows: np.ndarray, count: int = 128) -> dict[str, float]:
    """Mean error of the opacity of held-out motifs, and the share of what they cover that is found (IoU)."""
    rng = np.random.default_rng(6)
    errors, shares = [], []
    for _ in range(count // BATCH):
        shown, truth = draw_batch(BATCH, rows, rng)
        made = net(shown).sigmoid()
        errors.append((made - truth).abs().mean().item())
        both, either = (made > 0.5) & (truth > 0.5), (made > 0.5) | (truth > 0.5)
        shares += (both.sum((1, 2, 3)) / either.sum((1, 2, 3)).clamp(min=1)).tolist()
    return {"error": float(np.mean(errors)), "iou": float(np.mean(shares))}


def save(net: Matte, state: dict[str, float]) -> None:
    workspace.MATTE.mkdir(parents=True, exist_ok=True)
    halves = {name: value.detach().half().contiguous() for name, value in net.state_dict().items()}
    save_file(halves, workspace.MATTE / "matte.safetensors")
    (workspace.MATTE / "state.json").write_text(json.dumps(state))


def save_sheet(net: Matte, rows: np.ndarray) -> None:
    """What it was given, what it made of it, what was right, in three rows."""
    with torch.no_grad():
        shown, truth = draw_batch(BATCH, rows, np.random.default_rng(9))
        made = net(shown).sigmoid()
    lines = [torch.cat(list(each.expand(-1, 3, -1, -1)), dim=-1) for each in (shown, made, truth)]
    pixels = (torch.cat(lines, dim=-2).permute(1, 2, 0) * 255).round().byte().numpy()
    Image.fromarray(pixels).save(workspace.MATTE / "sheet.png")


def train(minutes: float, rate: float, bf16: bool, resume: bool) -> None:
    rng = np.random.default_rng(int(time.time()) if resume else 3)
    torch.manual_seed(3)
    out = held_out()
    rows, unseen = np.flatnonzero(~out), np.flatnonzero(out)
    vae = AutoencoderTiny.from_pretrained(workspace.MODEL / "vae").eval()
    if resume:
        kept = load_file(workspace.MATTE / "matte.safetensors")
        net = Matte.of({name: value.float() for name, value in kept.items()})
    else:
        net = Matte()
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)
    averaged = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995))
    optimiser = torch.optim.Adam(net.parameters(), lr=rate)
    start, told, step = time.monotonic(), time.monotonic(), 0
    while (used := (time.monotonic() - start) / (minutes * 60)) < 1.0:
        optimiser.param_groups[0]["lr"] = rate * max(1.0 - used, 0.02) * min(1.0, (step + 1) / 100)
        shown, truth = draw_batch(BATCH, rows, rng)
        given = made_worse(shown, vae, rng)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = net(given)
        logits = logits.float()
        made = logits.sigmoid()
        edges = (made - truth).diff(dim=-1).abs().mean() + (made - truth).diff(dim=-2).abs().mean()
        loss = F.binary_cross_entropy_with_logits(logits, truth) + (made - truth).abs().mean() + edges
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        averaged.update_parameters(net)
        step += 1
        if time.monotonic() - told > 180:
            told = time.monotonic()
            figures = measure(averaged.module, unseen)
            save(averaged.module, {"steps": step, **figures})
            save_sheet(averaged.module, unseen)
            logger.info("%d steps, %.0f%%: loss %.4f, %s", step, 100 * used, loss.item(), figures)
    figures = measure(averaged.module, unseen)
    save(averaged.module, {"steps": step, **figures})
    save_sheet(averaged.module, unseen)
    logger.info("%d steps: %s", step, figures)


def main() -> None:
    workspace.start_logging()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--resume", action="store_true", help="go on from the saved weights")
    arguments = parser.parse_args()
    train(arguments.minutes, arguments.rate, arguments.bf16, arguments.resume)


if __name__ == "__main__":
    main()
