"""How to lay an exported model out so that training can go on from it."""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from transformers import BertModel

from training import words, workspace

logger = logging.getLogger(__name__)


def take_over(exported: Path) -> None:
    """The taught encoder of an exported model, with the present vocabulary: only its layers differ from MiniLM's."""
    model, _ = words.load_encoder(torch.device("cpu"))
    model.encoder.load_state_dict(BertModel.from_pretrained(exported, dtype=torch.float32).encoder.state_dict())
    model.save_pretrained(workspace.TAUGHT_ENCODER)


def main() -> None:
    workspace.start_logging()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=workspace.MODEL)
    arguments = parser.parse_args()
    vae = AutoencoderTiny.from_pretrained(arguments.model / "vae")
    scale = {"mean": 0.0, "std": 1.0 / vae.config.scaling_factor, "fixed": True}
    vae.register_to_config(scaling_factor=1.0)
    vae.save_pretrained(workspace.AUTOENCODER)
    workspace.LATENTS.mkdir(parents=True, exist_ok=True)
    # The UNet knows latents of this scale, so `latents` must not measure another.
    (workspace.LATENTS / "scale.json").write_text(json.dumps(scale))
    # The model's words and those of the present lists, in the states that the UNet knows.
    words.prune(like=arguments.model)
    take_over(arguments.model / "text_encoder")
    logger.info("autoencoder restored, latent deviation %.4f", scale["std"])


if __name__ == "__main__":
    main()
