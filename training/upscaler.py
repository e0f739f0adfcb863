"""How to train the nets that enlarge pictures, twofold and fourfold, on the motifs; one in sixteen is held out.

What is given to a net is made from what it is to answer: made smaller in one of several ways, and sometimes blurred,
stained with noise, or passed through the model's own autoencoder, whose pictures it is for.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import time
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderTiny
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from training import autoencoder, pictures, workspace
from worker.nets.compact import Compact

logger = logging.getLogger(__name__)

SHAPES = {2: (48, 8), 4: (64, 10)}
"""Width and depth of the net by what it enlarges by."""

CROP, BATCH = 32, 16
BLURRED, STAINED, DECODED = 0.3, 0.2, 0.25
"""Shares of what is given that are made worse in each way."""

LARGE = 512
"""Pixels a side of the flat pictures, which are drawn from outlines: sharper than their size needs."""


def held_out() -> np.ndarray:
    """The rows of motifs that are never trained on, chosen by their codes: the same in every run."""
    codes = pictures.load_codes()
    return np.array([int(hashlib.sha256(code.encode()).hexdigest(), 16) % 16 == 0 for code in codes])


@cache
def sources() -> list[np.ndarray]:
    """RGBA arrays to cut pieces from: both styles as they are, and the flat ones twice as large."""
    path = workspace.PICTURES / f"flat-{LARGE}.npy"
    if not path.exists():
        draw_large(path)
    return [pictures.load_pictures("3d"), pictures.load_pictures("flat"), np.load(path, mmap_mode="r")]


def draw_large(path: Path) -> None:
    """The flat pictures from their outlines, LARGE pixels a side."""
    import io

    import cairosvg

    codes = pictures.load_codes()
    made = np.lib.format.open_memmap(path, "w+", np.uint8, (len(codes), LARGE, LARGE, 4))
    for row, code in enumerate(codes):
        outline = pictures.find_asset(workspace.FLUENT_FLAT, code, "svg")
        data = cairosvg.svg2png(bytestring=outline.read_bytes(), output_width=LARGE, output_height=LARGE)
        made[row] = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))
    made.flush()


def draw_pieces(size: int, side: int, rows: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
    """[size, 3, side, side] in 0…1: pieces of motifs on white and on colours."""
    backgrounds = autoencoder.random_backgrounds(size, rng)
    out = np.empty((size, side, side, 3), np.float32)
    for place in range(size):
        source = sources()[rng.integers(len(sources()))]
        top, left = rng.integers(0, source.shape[1] - side + 1, 2)
        piece = source[rng.choice(rows), top : top + side, left : left + side].astype(np.float32)
        alpha = piece[..., 3:] / 255.0
        rgb = piece[..., :3] * alpha + backgrounds[place] * (1.0 - alpha)
        turned = np.rot90(rgb, rng.integers(4))
        out[place] = turned[:, ::-1] if rng.random() < 0.5 else turned
    return torch.from_numpy(out).permute(0, 3, 1, 2) / 255.0


def blurred(pixels: torch.Tensor, sigma: float) -> torch.Tensor:
    places = torch.arange(-3, 4, dtype=torch.float32)
    bell = torch.exp(-places.square() / (2 * sigma * sigma))
    bell = (bell / bell.sum()).expand(3, 1, 1, -1)
    wide = F.conv2d(F.pad(pixels, (3, 3, 0, 0), mode="replicate"), bell, groups=3)
    return F.conv2d(F.pad(wide, (0, 0, 3, 3), mode="replicate"), bell.transpose(2, 3), groups=3)


@torch.no_grad()
def made_smaller(target: torch.Tensor, scale: int, vae: AutoencoderTiny, rng: np.random.Generator) -> torch.Tensor:
    """What the net is given for `target`: each row smaller, some of them worse."""
    side, rows = target.shape[-1] // scale, []
    for row in target.split(1):
        mode = ("bicubic", "bicubic", "bilinear", "area")[rng.integers(4)]
        antialias = {"antialias": True} if mode != "area" else {}
        source = blurred(row, rng.uniform(0.3, 1.0) * scale / 2) if rng.random() < BLURRED else row
        small = F.interpolate(source, (side, side), mode=mode, **antialias)
        if rng.random() < DECODED:
            small = vae.decoder(vae.encoder(small * 2 - 1)) / 2 + 0.5
        if rng.random() < STAINED:
            small = small + torch.randn_like(small) * float(rng.uniform(0, 5) / 255)
        rows.append(small.clamp(0, 1))
    return torch.cat(rows)


def measure(net: Compact, scale: int, rows: np.ndarray) -> dict[str, float]:
    """Decibels of held-out motifs made smaller by Pillow and larger again: by the net, and by Lanczos."""
    rng = np.random.default_rng(5)
    found: dict[str, list[float]] = {"net": [], "lanczos": []}
    for style in pictures.STYLES:
        for row in rows:
            picture = Image.fromarray(np.asarray(pictures.load_pictures(style)[row]))
            colour = tuple(int(value) for value in autoencoder.random_backgrounds(1, rng)[0])
            whole = Image.alpha_composite(Image.new("RGBA", picture.size, (*colour, 255)), picture).convert("RGB")
            small = whole.resize((pictures.SIZE // scale,) * 2, Image.Resampling.BICUBIC)
            truth = np.asarray(whole, np.float32)
            plain = np.asarray(small.resize(whole.size, Image.Resampling.LANCZOS), np.float32)
            given = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None] / 255.0
            with torch.no_grad():
                made = net(given)[0].clamp(0, 1).permute(1, 2, 0).numpy() * 255.0
            for name, pixels in (("net", made.round()), ("lanczos", plain)):
                found[name].append(float(10 * np.log10(255**2 / max(1e-6, np.square(pixels - truth).mean()))))
    return {name: float(np.mean(values)) for name, values in found.items()}


def save(net: Compact, scale: int, state: dict[str, float]) -> None:
    workspace.UPSCALERS.mkdir(parents=True, exist_ok=True)
    halves = {name: value.detach().half().contiguous() for name, value in net.state_dict().items()}
    save_file(halves, workspace.UPSCALERS / f"{scale}x.safetensors")
    (workspace.UPSCALERS / f"{scale}x.json").write_text(json.dumps(state))


def initialise(net: Compact) -> None:
    """Without normalisation torch's own initialisation lets the signal die; this one keeps its variance."""
    for layer in net.body:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, a=0.25, nonlinearity="leaky_relu")
            nn.init.zeros_(layer.bias)
    with torch.no_grad():
        net.body[-1].weight.mul_(0.01)  # it begins as the nearest neighbours


def train(scale: int, minutes: float, rate: float, bf16: bool) -> None:
    rng = np.random.default_rng(scale)
    torch.manual_seed(scale)
    out = held_out()
    rows, unseen = np.flatnonzero(~out), np.flatnonzero(out)
    vae = AutoencoderTiny.from_pretrained(workspace.MODEL / "vae").eval()
    net = Compact(*SHAPES[scale], scale)
    initialise(net)
    averaged = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998))
    optimiser = torch.optim.Adam(net.parameters(), lr=rate, betas=(0.9, 0.99))
    start, told, step = time.monotonic(), time.monotonic(), 0
    while (used := (time.monotonic() - start) / (minutes * 60)) < 1.0:
        optimiser.param_groups[0]["lr"] = rate * max(1.0 - used, 0.02) * min(1.0, (step + 1) / 100)
        target = draw_pieces(BATCH, CROP * scale, rows, rng)
        given = made_smaller(target, scale, vae, rng)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            made = net(given)
        error = made.float() - target
        # Squares above all: most pixels lie in plain colours, where the nearest neighbour is right, and a plain
        # mean of errors has the net add nothing at all.
        loss = 30 * error.square().mean() + 0.1 * (error.square() + 1e-6).sqrt().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimiser.step()
        averaged.update_parameters(net)
        step += 1
        if time.monotonic() - told > 180:
            told = time.monotonic()
            figures = measure(averaged.module, scale, unseen[::4])
            save(averaged.module, scale, {"steps": step, **figures})
            logger.info("%dx, %d steps, %.0f%%: loss %.4f, %s", scale, step, 100 * used, loss.item(), figures)
    figures = measure(averaged.module, scale, unseen)
    save(averaged.module, scale, {"steps": step, **figures})
    logger.info("%dx, %d steps: %s", scale, step, figures)


def main() -> None:
    workspace.start_logging()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scale", type=int, choices=SHAPES)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--bf16", action="store_true")
    arguments = parser.parse_args()
    train(arguments.scale, arguments.minutes, arguments.rate, arguments.bf16)


if __name__ == "__main__":
    main()
