"""The checkpoints that servers are compared with: the bundled one, and a random one of Stable Diffusion 1.5's size.

The random one is written once, to a cache folder outside the tree: a diffusers folder and, with the same numbers in
the layout of its first authors, one `.safetensors` file. Both hold float16, as such files mostly do. Nothing is
downloaded: its vocabulary is the letters. What it draws is noise, and each step costs what a trained one's costs.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tomlkit
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from tests import original_layout
from tests.tiny_models import SD15_BETAS, clip_vocabulary

CATALOG: Final = Path(__file__).parent.parent / "models" / "catalog.toml"
BUNDLED: Final = "easel-mini"
"""The row of the catalogue that draws with the whole schedule and with guidance, as the peers do."""

VOCABULARY: Final = 49408
"""Tokens of CLIP ViT-L/14's, the last two of which begin and end a text: some servers have their numbers built in."""

SD15_ROW: Final[Mapping[str, Any]] = {
    "family": "sd15",
    "description": "Stable Diffusion 1.5's architecture with random weights.",
    "size": {"minimum": 128, "maximum": 512, "multiple": 64, "width": 256, "height": 256},
    "num_inference_steps": 20,
    "guidance_scale": 4.0,
    "scheduler": "ddim",
}


@dataclass(frozen=True)
class Checkpoint:
    """A model on this disk, and a catalogue that has it alone. `file` is the same in one file, where there is one."""

    name: str
    folder: Path
    file: Path | None
    catalog: Path


def checkpoint(model: str, cache: Path) -> Checkpoint:
    """The checkpoint `bundled` or `sd15`, written to `cache` where it is not there yet."""
    return bundled(cache) if model == "bundled" else sd15(cache)


def cache_folder() -> Path:
    """Where checkpoints, and what servers make of them, are kept from run to run."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "easel-benchmarks"


def bundled(cache: Path) -> Checkpoint:
    row = tomllib.loads(CATALOG.read_text(encoding="utf-8"))[BUNDLED]
    folder = (CATALOG.parent / row["source"]).resolve()
    return Checkpoint(BUNDLED, folder, None, catalog_of(BUNDLED, {**row, "source": str(folder)}, cache))


def sd15(cache: Path) -> Checkpoint:
    folder, file = cache / "sd15", cache / "sd15.safetensors"
    if not (folder.exists() and file.exists()):
        write_sd15(folder, file)
    return Checkpoint("sd15", folder, file, catalog_of("sd15", {"source": str(folder), **SD15_ROW}, cache))


def catalog_of(name: str, row: Mapping[str, Any], cache: Path) -> Path:
    """A catalogue with this row alone: what else a server offers would be loaded beside it."""
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / f"{name}.toml"
    path.write_text(tomlkit.dumps({name: row}), encoding="utf-8")
    return path


def write_sd15(folder: Path, file: Path) -> None:
    """Both appear at once and whole, or not at all; the file last."""
    print(f"writing a random model of Stable Diffusion 1.5's size to {folder.parent}: 4 GB")
    unfinished = folder.with_name("sd15-unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(0)
    pipeline = random_sd15().to(torch.float16)
    pipeline.save_pretrained(unfinished)
    # As the field's files name them: versions of transformers that save other names read these, not the other way round
    text = original_layout.clip(pipeline.text_encoder)
    original_layout.write(text, unfinished / "text_encoder" / "model.safetensors", {"format": "pt"})
    original_layout.write(original_layout.original_sd(pipeline), unfinished / "single.safetensors")
    (unfinished / "single.safetensors").rename(file)
    unfinished.rename(folder)


def random_sd15() -> StableDiffusionPipeline:
    """The architecture of `stable-diffusion-v1-5`, by its published configuration: 860 M parameters in the UNet."""
    text = CLIPTextConfig(
        vocab_size=VOCABULARY,
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        max_position_embeddings=77,
        hidden_act="quick_gelu",
        bos_token_id=VOCABULARY - 2,
        eos_token_id=VOCABULARY - 1,
        pad_token_id=VOCABULARY - 1,
    )
    denoiser = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
    with torch.no_grad():
        denoiser.conv_out.weight.mul_(0.2)  # as initialised, it would leave float16's range in a few steps
    return StableDiffusionPipeline(
        vae=AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            latent_channels=4,
            sample_size=512,
        ),
        text_encoder=CLIPTextModel(text),
        tokenizer=CLIPTokenizer(vocab=vocabulary(), merges=[], model_max_length=77),
        unet=denoiser,
        scheduler=DDIMScheduler(**SD15_BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def vocabulary() -> dict[str, int]:
    """The letters, and nothing up to the two tokens that begin and end a text, which stand where CLIP has them."""
    begin, end, *letters = clip_vocabulary()
    unused = [f"<unused {number}>" for number in range(VOCABULARY - 2 - len(letters))]
    return {token: number for number, token in enumerate([*letters, *unused, begin, end])}
