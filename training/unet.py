"""How to train the UNet on cached latents within a time budget, and how to go on.

The first part of the budget trains the inner UNet on 128-pixel latents, the rest the whole one at 256 pixels.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import time
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderTiny, UNet2DConditionModel
from PIL import Image
from torch import nn
from tqdm import tqdm

from training import diffusion, growth, lists, parallel, sheets, words, workspace
from training.cache import Cache
from worker.allocator import keep_freed_memory
from worker.threads import adaptive_threads

logger = logging.getLogger(__name__)

EMA = 0.999


@dataclass
class Run:
    """What a resumed training needs."""

    unet: UNet2DConditionModel
    ema: UNet2DConditionModel
    optimiser: torch.optim.Optimizer
    step: int = 0
    seen: int = 0

    @property
    def side(self) -> int:
        """The size of latents that this UNet is for."""
        return 16 if len(self.unet.config.block_out_channels) == len(diffusion.INNER) else 32

    def save(self) -> None:
        state = {"unet": self.unet.state_dict(), "optimiser": self.optimiser.state_dict()}
        torch.save(state, workspace.UNET / "resume.tmp")
        (workspace.UNET / "resume.tmp").rename(workspace.UNET / "resume.pt")
        self.ema.save_pretrained(workspace.UNET / "ema")
        (workspace.UNET / "state.json").write_text(json.dumps({"step": self.step, "seen": self.seen}))

    def follow(self) -> None:
        """Exponential moving average, faster at first so that early sheets mean something."""
        keep = min(EMA, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for slow, fast in zip(self.ema.parameters(), self.unet.parameters(), strict=True):
                slow.lerp_(fast, 1 - keep)


def prepare_run(unet: UNet2DConditionModel, rate: float, device: torch.device) -> Run:
    """AdamW's second beta below the usual 0.999, because runs are short."""
    unet.to(device).train()
    parallel.start_alike(unet)
    ema = copy.deepcopy(unet).eval().requires_grad_(False)
    optimiser = torch.optim.AdamW(unet.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    return Run(unet, ema, optimiser)


def grow_run(run: Run, rate: float, device: torch.device) -> Run:
    """From here on at 256 pixels, with a fresh optimiser and moving average."""
    grown = prepare_run(growth.grow(run.unet.cpu()), rate, device)
    grown.seen = run.seen
    return grown


def start_run(rate: float, source: str | None, device: torch.device) -> Run:
    """From nothing, from the last checkpoint ("resume") or from an exported model's UNet folder."""
    workspace.UNET.mkdir(parents=True, exist_ok=True)
    if source is None:
        unet = diffusion.build_unet(diffusion.INNER)
    else:
        folder = workspace.UNET / "ema" if source == "resume" else source
        unet = UNet2DConditionModel.from_pretrained(folder, dtype=torch.float32)
    run = prepare_run(unet, rate, device)
    if source == "resume":
        state = torch.load(workspace.UNET / "resume.pt", map_location=device, weights_only=True)
        run.unet.load_state_dict(state["unet"])
        run.optimiser.load_state_dict(state["optimiser"])
        saved = json.loads((workspace.UNET / "state.json").read_text())
        run.step, run.seen = saved["step"], saved["seen"]
    return run


def rate_at(used: float, step: int, fall_from: float) -> float:
    """Warm-up over 100 steps, flat, then falling linearly to a fiftieth from `fall_from` of the budget on."""
    fall = 1.0 if used < fall_from else max(0.02, (1 - used) / (1 - fall_from))
    return min(1.0, (step + 1) / 100) * fall


def draw_sheet(run: Run, cache: Cache) -> None:
    """The fixed prompts and seeds, so that sheets can be compared."""
    device = cache.device
    decoder = AutoencoderTiny.from_pretrained(workspace.AUTOENCODER).to(device).eval()
    states = words.encode(sheets.PROMPTS, *cache.encoder)
    latents = diffusion.sample(run.ema, states, cache.empty, run.side, steps=16)
    with torch.no_grad():
        pixels = decoder.decoder(latents / cache.scale).clamp(-1, 1)
    arrays = ((pixels + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    sheets.tile([Image.fromarray(a) for a in arrays], workspace.UNET / f"sheet-{run.seen:07d}.png", 8, sheets.PROMPTS)


def train(arguments: argparse.Namespace) -> None:
    """Every process of `torchrun` does the same, but for its batches; number 0 saves, draws and reports."""
    device = workspace.device()
    cache = Cache(device, arguments.tier, arguments.known_tier)
    run = start_run(arguments.rate, arguments.source, device)
    rng = np.random.default_rng([run.step, parallel.rank()])
    torch.manual_seed(run.step * parallel.count() + parallel.rank())
    alphas = diffusion.signal_levels().to(device)
    start = saved = drawn = time.monotonic()
    losses: list[float] = []
    adapt_threads = adaptive_threads()
    bar = tqdm(desc="unet", unit="picture", mininterval=15, initial=run.seen, disable=parallel.rank() > 0)
    first, used = run.step, 0.0
    while used < 1.0:
        if run.side == 16 and used >= arguments.low_share:
            run, first = grow_run(run, arguments.rate, device), 0
        adapt_threads()
        side, size = run.side, arguments.batch * 32 // run.side
        run.optimiser.param_groups[0]["lr"] = arguments.rate * rate_at(used, run.step - first, arguments.fall_from)
        latents, states, twins = cache.draw(size, side, rng)
        with torch.autocast(device.type, torch.bfloat16, enabled=arguments.bf16):
            loss = diffusion.velocity_loss(run.unet, latents, states, alphas, twins)
        run.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        used = parallel.average_gradients(run.unet, (time.monotonic() - start) / (arguments.minutes * 60))
        nn.utils.clip_grad_norm_(run.unet.parameters(), 1.0)
        run.optimiser.step()
        run.step += 1
        run.seen += size * parallel.count()
        run.follow()
        losses.append(loss.item())
        bar.update(size * parallel.count())
        bar.set_postfix(loss=f"{np.mean(losses[-100:]):.4f}", side=side, left=f"{(1 - used) * arguments.minutes:.0f}m")
        if parallel.rank() > 0:
            continue
        if time.monotonic() - saved > 180:
            run.save()
            sheets.plot_losses(losses, workspace.UNET / "loss.png", "UNet: weighted velocity error")
            saved = time.monotonic()
        if time.monotonic() - drawn > arguments.sheet_minutes * 60:
            draw_sheet(run, cache)
            drawn = time.monotonic()
    if parallel.rank() > 0:
        return
    run.save()
    draw_sheet(run, cache)
    sheets.plot_losses(losses, workspace.UNET / "loss.png", "UNet: weighted velocity error")
    logger.info("%d steps, %d pictures seen, loss %.4f", run.step, run.seen, np.mean(losses[-100:]))


def main() -> None:
    keep_freed_memory()
    workspace.start_logging()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=240)
    parser.add_argument("--batch", type=int, default=16, help="at 256 pixels; twice that at 128")
    parser.add_argument("--tier", type=int, default=lists.LAST_TIER, help="motifs of the tiers up to this one")
    parser.add_argument("--known-tier", type=int, default=0, help="motifs that --from knows; they are drawn less often")
    parser.add_argument(
        "--bf16", action="store_true", help="faster where the processor has it (lscpu: avx512_bf16, amx)"
    )
    parser.add_argument("--rate", type=float, default=8e-4)
    parser.add_argument("--low-share", type=float, default=0.5, help="share of the budget at 128 pixels")
    parser.add_argument("--fall-from", type=float, default=0.6, help="share of the budget after which the rate falls")
    parser.add_argument("--sheet-minutes", type=float, default=10)
    parser.add_argument("--from", dest="source", help='"resume", or a unet folder to go on from')
    arguments = parser.parse_args()
    parallel.join()
    train(arguments)


if __name__ == "__main__":
    main()
