"""How to train the picture autoencoder on coloured backgrounds.

The network is TAESD's (Ollin Boer Bohan, https://github.com/madebyollin/taesd), here trained from nothing.
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
from torch import nn
from tqdm import tqdm

from training import pictures, sheets, workspace

logger = logging.getLogger(__name__)

CROP = 96
LATENT_NOISE = 0.05
RESIDUAL_SCALE = 0.05
LATENT_DEVIATION = 0.5


def build_autoencoder(width: int = 48) -> AutoencoderTiny:
    """8x smaller, four channels: the stock inpainting pipeline refuses other channel counts."""
    model = AutoencoderTiny(
        encoder_block_out_channels=(width,) * 4,
        decoder_block_out_channels=(width,) * 4,
        num_encoder_blocks=(0, 1, 2, 3),
        num_decoder_blocks=(3, 2, 1, 0),
        latent_channels=4,
        upsampling_scaling_factor=2,
        scaling_factor=1.0,
    )
    initialise(model)
    return model


def initialise(model: AutoencoderTiny) -> None:
    """Without normalisation the default initialisation lets the signal die; this one keeps its variance."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for name, module in model.named_modules():
        if type(module).__name__ == "AutoencoderTinyBlock":
            with torch.no_grad():
                module.conv[-1].weight.mul_(RESIDUAL_SCALE)
            logger.debug("residual block %s scaled", name)


def random_backgrounds(count: int, rng: np.random.Generator) -> np.ndarray:
    """A third white, the rest any colour, because users may ask for any."""
    colours = rng.integers(0, 256, (count, 3)).astype(np.float32)
    colours[rng.random(count) < 0.33] = 255.0
    return colours


def draw_batch(size: int, rng: np.random.Generator) -> torch.Tensor:
    """Half plain crops, half downscaled windows, mirrored at random, in -1…1."""
    out = torch.empty(size, 3, CROP, CROP)
    backgrounds = random_backgrounds(size, rng)
    for row in range(size):
        source = pictures.load_pictures(pictures.STYLES[rng.integers(2)])
        window = CROP if row % 2 else int(rng.integers(128, pictures.SIZE + 1))
        top, left = rng.integers(0, pictures.SIZE - window + 1, 2)
        piece = source[rng.integers(len(source)), top : top + window, left : left + window].astype(np.float32)
        alpha = piece[..., 3:] / 255.0
        rgb = piece[..., :3] * alpha + backgrounds[row] * (1.0 - alpha)
        if rng.random() < 0.5:
            rgb = rgb[:, ::-1]
        tensor = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)[None] / 127.5 - 1.0
        if window != CROP:
            tensor = F.interpolate(tensor, size=(CROP, CROP), mode="bilinear", antialias=True)
        out[row] = tensor[0]
    return out


def picture_loss(made: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """L1, L1 of the gradients for edges, L1 of averages for colours; and plain L1, to report."""
    error = made - target
    plain = error.abs().mean()
    edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    coarse = F.avg_pool2d(error, 4).abs().mean() + F.avg_pool2d(error, 8).abs().mean()
    return plain + edges + 0.5 * coarse, plain


def draw_whole(size: int, rng: np.random.Generator) -> torch.Tensor:
    """Whole pictures in -1…1, half of them on white: what the latents' statistics are taken from."""
    backgrounds = random_backgrounds(size, rng)
    backgrounds[::2] = 255.0
    out = torch.empty(size, 3, pictures.SIZE, pictures.SIZE)
    for row in range(size):
        source = pictures.load_pictures(pictures.STYLES[rng.integers(2)])
        piece = source[rng.integers(len(source))].astype(np.float32)
        alpha = piece[..., 3:] / 255.0
        rgb = piece[..., :3] * alpha + backgrounds[row] * (1.0 - alpha)
        out[row] = torch.from_numpy(rgb).permute(2, 0, 1) / 127.5 - 1.0
    return out


@torch.no_grad()
def centre_latents(model: AutoencoderTiny, rng: np.random.Generator) -> None:
    """Give every latent channel mean 0 and the same small variance by changing the layers on either side.

    Diffusion wants channels alike, and the pipeline knows only one common scale. The decoder bends its input,
    3·tanh(z/3), so this is exact to first order only; the training that follows mends the rest.
    """
    device = next(model.parameters()).device
    latents = torch.cat([model.encoder(draw_whole(8, rng).to(device)) for _ in range(12)])
    mean, deviation = latents.mean(dim=(0, 2, 3)), latents.std(dim=(0, 2, 3))
    gain = LATENT_DEVIATION / deviation
    last, first = model.encoder.layers[-1], model.decoder.layers[0]
    last.weight.mul_(gain[:, None, None, None])
    last.bias.copy_((last.bias - mean) * gain)
    bent, slope = 3 * torch.tanh(mean / 3), 1 - torch.tanh(mean / 3).square()
    first.bias.add_((first.weight * bent[None, :, None, None]).sum(dim=(1, 2, 3)))
    first.weight.mul_((slope / gain)[None, :, None, None])
    logger.info("latent channels had means %s and deviations %s", mean.tolist(), deviation.tolist())


def save_autoencoder(model: AutoencoderTiny, state: dict[str, float]) -> None:
    model.save_pretrained(workspace.AUTOENCODER)
    (workspace.AUTOENCODER / "state.json").write_text(json.dumps(state))


def train(minutes: float, batch: int, rate: float, resume: bool, centre_at: float) -> None:
    """The rate falls linearly with the time used, so that any budget ends with a settled network."""
    device = workspace.device()
    rng = np.random.default_rng(int(time.time()) if resume else 0)
    torch.manual_seed(0)
    model = AutoencoderTiny.from_pretrained(workspace.AUTOENCODER) if resume else build_autoencoder()
    model.to(device).train()
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    start, saved, step = time.monotonic(), time.monotonic(), 0
    losses: list[float] = []
    centred = False
    bar = tqdm(desc="autoencoder", unit="step", mininterval=10)
    while (used := (time.monotonic() - start) / (minutes * 60)) < 1.0:
        optimiser.param_groups[0]["lr"] = rate * max(1.0 - used, 0.02) * min(1.0, (step + 1) / 50)
        if used >= centre_at and not centred:
            centre_latents(model, rng)
            centred = True
        target = draw_batch(batch, rng).to(device)
        latents = model.encoder(target)
        made = model.decoder(latents + LATENT_NOISE * torch.randn_like(latents))
        loss, plain = picture_loss(made, target)
        loss = loss + 1e-3 * latents.square().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        losses.append(plain.item())
        bar.update()
        bar.set_postfix(l1=f"{np.mean(losses[-50:]):.3f}", left=f"{(1 - used) * minutes:.0f}m")
        if time.monotonic() - saved > 120:
            save_autoencoder(model, {"steps": step, "l1": float(np.mean(losses[-50:]))})
            saved = time.monotonic()
    save_autoencoder(model, {"steps": step, "l1": float(np.mean(losses[-50:]))})
    sheets.plot_losses(losses, workspace.AUTOENCODER / "loss.png", "autoencoder: L1 of crops")
    logger.info("%d steps, L1 %.4f", step, np.mean(losses[-50:]))


def main() -> None:
    workspace.start_logging()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument(
        "--centre-at",
        type=float,
        default=0.7,
        help="share of the budget after which latents are centred; 2: never",
    )
    parser.add_argument("--resume", action="store_true", help="go on from the saved weights")
    arguments = parser.parse_args()
    train(arguments.minutes, arguments.batch, arguments.rate, arguments.resume, arguments.centre_at)


if __name__ == "__main__":
    main()
