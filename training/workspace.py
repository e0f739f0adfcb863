"""Where training keeps its files."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
WORK = Path(os.environ.get("EASEL_TRAINING_DIR", ROOT / ".training"))
MODEL = ROOT / "models" / "easel-mini"

FLUENT_3D = WORK / "packages" / "fluent-emoji-3d" / "package" / "assets"
FLUENT_FLAT = WORK / "packages" / "fluent-emoji-flat" / "package" / "assets"
EMOJIBASE = WORK / "packages" / "emojibase-data" / "package" / "en" / "data.json"
MINILM = WORK / "packages" / "minilm"

PICTURES = WORK / "pictures"
AUTOENCODER = WORK / "autoencoder"
TEXT_ENCODER = WORK / "text_encoder"
TAUGHT_ENCODER = WORK / "taught_encoder"
TOKENIZER = WORK / "tokenizer"
LATENTS = WORK / "latents"
UNET = WORK / "unet"
DISTILLED = WORK / "distilled"
UPSCALERS = WORK / "upscalers"
MATTE = WORK / "matte"
DESCRIBER = WORK / "describer"


def device() -> torch.device:
    """CUDA where there is one. On a shared CPU, threads that spin for each other crawl: wait passively."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def start_logging() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", datefmt="%H:%M:%S")
