"""How to put the trained parts together as an ordinary diffusers folder."""

from __future__ import annotations

import argparse
import json
import logging
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderTiny, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import BertModel, BertTokenizerFast

from training import diffusion, workspace

logger = logging.getLogger(__name__)

LIMIT = 60_000_000
KEPT = ("README.md", "LICENSE", "NOTICE", "sample.jpg", "evaluation.json")


def build_pipeline(unet: Path) -> StableDiffusionPipeline:
    """Half precision throughout; the autoencoder carries the scale that training gave the latents."""
    vae = AutoencoderTiny.from_pretrained(workspace.AUTOENCODER)
    scale = json.loads((workspace.LATENTS / "scale.json").read_text())
    vae.register_to_config(scaling_factor=1.0 / scale["std"])
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=BertModel.from_pretrained(workspace.TAUGHT_ENCODER),
        tokenizer=BertTokenizerFast.from_pretrained(workspace.TOKENIZER),
        unet=UNet2DConditionModel.from_pretrained(unet),
        scheduler=DDIMScheduler(**diffusion.SCHEDULER),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    return pipeline.to(torch.float16)


def settle_configs(folder: Path) -> None:
    """transformers loads in the precision a config names; float32 there, or UNet and text encoder differ."""
    path = folder / "text_encoder" / "config.json"
    config = json.loads(path.read_text())
    config["dtype"] = "float32"
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    for config_path in folder.glob("*/config.json"):
        config = json.loads(config_path.read_text())
        if config.pop("_name_or_path", None) is not None:
            config_path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    for weights in folder.glob("**/*.safetensors"):
        weights.chmod(0o644)


def export(unet: Path, target: Path) -> int:
    """Written beside the target and swapped in: a reader never sees half a model. Returns its size."""
    fresh, old = target.with_name(target.name + ".new"), target.with_name(target.name + ".old")
    shutil.rmtree(fresh, ignore_errors=True)
    build_pipeline(unet).save_pretrained(fresh, safe_serialization=True)
    settle_configs(fresh)
    for name in KEPT:
        if (target / name).exists():
            shutil.copy2(target / name, fresh / name)
    size = sum(path.stat().st_size for path in fresh.rglob("*") if path.is_file())
    if size > LIMIT:
        raise SystemExit(f"{size / 1e6:.1f} MB, more than {LIMIT / 1e6:.0f}")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return size


def main() -> None:
    workspace.start_logging()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--unet", type=Path, default=workspace.UNET / "ema")
    parser.add_argument("--target", type=Path, default=workspace.MODEL)
    arguments = parser.parse_args()
    arguments.target.parent.mkdir(parents=True, exist_ok=True)
    size = export(arguments.unet, arguments.target)
    logger.info("%s: %.1f MB", arguments.target, size / 1e6)


if __name__ == "__main__":
    main()
