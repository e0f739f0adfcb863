"""How to teach the bundled model to draw in a few steps, without guidance: a LoRA for its UNet, for LCMScheduler."""

from __future__ import annotations

import argparse
import copy
import json
import logging
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny, UNet2DConditionModel
from PIL import Image
from torch import nn
from tqdm import tqdm

from training import consistency, lists, parallel, sheets, words, workspace
from training.cache import Cache
from training.low_rank import LowRank
from training.unet import rate_at
from worker.allocator import keep_freed_memory
from worker.threads import adaptive_threads

logger = logging.getLogger(__name__)

AVERAGE = 0.995
HOP = 5
"""Places of the grid: ten steps of the teacher. With hops of two bfloat16's rounding adds up on the way: white turned
yellowish within a few hundred steps, and the loss rose."""


def follow(average: LowRank, change: LowRank, step: int) -> None:
    """Exponential moving average, faster at first."""
    keep = min(AVERAGE, (1 + step) / (10 + step))
    with torch.no_grad():
        for slow, fast in zip(average.parameters(), change.parameters(), strict=True):
            slow.lerp_(fast, 1 - keep)


def draw_sheet(teacher: UNet2DConditionModel, average: LowRank, cache: Cache, seen: int) -> None:
    """The fixed prompts and seeds in four steps, so that sheets can be compared."""
    decoder = AutoencoderTiny.from_pretrained(workspace.AUTOENCODER).to(cache.device).eval()
    states = words.encode(sheets.PROMPTS, *cache.encoder)
    with torch.no_grad():
        latents = consistency.sample(average.of(teacher), states)
        pixels = decoder.decoder(latents / cache.scale).clamp(-1, 1)
    arrays = ((pixels + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    sheets.tile([Image.fromarray(a) for a in arrays], workspace.DISTILLED / f"sheet-{seen:07d}.png", 8, sheets.PROMPTS)


def train(arguments: argparse.Namespace) -> None:
    """Every process of `torchrun` does the same, but for its batches; number 0 saves, draws and reports."""
    device = workspace.device()
    cache = Cache(device, arguments.tier, 0)
    teacher = UNet2DConditionModel.from_pretrained(arguments.teacher, dtype=torch.float32).to(device)
    teacher.eval().requires_grad_(False)
    torch.manual_seed(0)
    change = LowRank(teacher, arguments.rank).to(device)
    if arguments.source:
        change.load(arguments.source)
    average = copy.deepcopy(change).requires_grad_(False)
    rng = np.random.default_rng([arguments.seed, parallel.rank()])
    torch.manual_seed(arguments.seed * parallel.count() + parallel.rank())
    optimiser = torch.optim.AdamW(change.parameters(), lr=arguments.rate, betas=(0.9, 0.99), weight_decay=0.0)
    path = consistency.NoisePath(device)
    saved = drawn = time.monotonic()
    losses: list[float] = []
    adapt_threads = adaptive_threads()
    bar = tqdm(desc="distill", unit="picture", mininterval=15, disable=parallel.rank() > 0)
    for step in range(arguments.steps):
        adapt_threads()
        used = step / arguments.steps
        optimiser.param_groups[0]["lr"] = arguments.rate * rate_at(used, step, arguments.fall_from)
        latents, states, _ = cache.draw(arguments.batch, 32, rng)
        with torch.autocast(device.type, torch.bfloat16, enabled=arguments.bf16):
            loss = consistency.consistency_loss(
                change.of(teacher),
                average.of(teacher),
                lambda *inputs: teacher(*inputs, return_dict=False)[0],
                latents,
                states,
                cache.empty,
                path,
                hop=HOP,
                guidance=arguments.guidance,
            )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        parallel.average_gradients(change, 0.0)
        nn.utils.clip_grad_norm_(change.parameters(), 1.0)
        optimiser.step()
        follow(average, change, step + 1)
        losses.append(loss.item())
        bar.update(arguments.batch * parallel.count())
        bar.set_postfix(loss=f"{np.mean(losses[-100:]):.4f}", step=step)
        if parallel.rank() > 0:
            continue
        if time.monotonic() - saved > 180:
            average.save(workspace.DISTILLED)
            saved = time.monotonic()
        if time.monotonic() - drawn > arguments.sheet_minutes * 60:
            draw_sheet(teacher, average, cache, bar.n)
            drawn = time.monotonic()
    if parallel.rank() > 0:
        return
    average.save(workspace.DISTILLED)
    draw_sheet(teacher, average, cache, bar.n)
    sheets.plot_losses(losses, workspace.DISTILLED / "loss.png", "distillation: distance of two ends")
    facts = {"steps": arguments.steps, "pictures": bar.n, "loss": float(np.mean(losses[-100:]))}
    (workspace.DISTILLED / "facts.json").write_text(json.dumps(facts))
    logger.info("%s", facts)


def main() -> None:
    keep_freed_memory()
    workspace.start_logging()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--guidance", type=float, default=3.0, help="of the teacher, folded in")
    parser.add_argument("--tier", type=int, default=lists.SHIPPED_TIER, help="motifs of the tiers up to this one")
    parser.add_argument("--bf16", action="store_true", help="faster where the processor has it")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--fall-from", type=float, default=0.5, help="share of the budget after which the rate falls")
    parser.add_argument("--sheet-minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--teacher", type=Path, default=workspace.MODEL / "unet")
    parser.add_argument("--from", dest="source", type=Path, help="a folder with a LoRA of this rank to go on from")
    arguments = parser.parse_args()
    workspace.DISTILLED.mkdir(parents=True, exist_ok=True)
    parallel.join()
    train(arguments)


if __name__ == "__main__":
    main()
