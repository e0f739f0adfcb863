"""Writes the configuration of a single file of weights as a diffusers folder without weights, from its own shapes.

What shapes cannot tell (attention heads, activations, schedulers) is what the original models of a kind have; their
published configurations are named in `KINDS` as `reference`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from core.catalog.checkpoint import Checkpoint, read_checkpoint
from core.catalog.checkpoint_encoders import encoders, tokenizers
from core.catalog.checkpoint_header import read_header
from core.catalog.checkpoint_parts import Parts, split
from core.catalog.checkpoint_shapes import flux_config, sd3_config, unet_config, vae_config
from core.catalog.families import INDEX
from core.catalog.tensor_info import CheckpointError

Config = dict[str, Any]

BETAS: Final = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}
LEADING: Final = {"timestep_spacing": "leading", "steps_offset": 1}

SCHEDULERS: Final[dict[str, Config]] = {
    "sd15": {"_class_name": "DDIMScheduler", **BETAS, **LEADING, "clip_sample": False, "set_alpha_to_one": False},
    "sd2": {"_class_name": "DDIMScheduler", **BETAS, **LEADING, "clip_sample": False, "set_alpha_to_one": False},
    "sdxl": {"_class_name": "EulerDiscreteScheduler", **BETAS, **LEADING},
    "sd3": {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 3.0},
    "flux-dev": {
        "_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 3.0,
        "use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15, "base_image_seq_len": 256,
        "max_image_seq_len": 4096,
    },
    "flux-schnell": {
        "_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 1.0,
        "use_dynamic_shifting": False, "base_shift": 0.5, "max_shift": 1.15, "base_image_seq_len": 256,
        "max_image_seq_len": 4096,
    },
}  # fmt: skip

MADE: Final = ("sd15", "sd2", "sdxl", "sd3", "flux")
"""How the kinds begin that a configuration can be made of."""

MODEL_CLASSES: Final = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL"}


def write_config(path: Path, folder: Path) -> Path:
    """Write the configuration of the single file `path` under `folder` (made if need be) and return the folder.

    Tokenizers get their settings but no vocabulary. Raises CheckpointError for a kind that it cannot be made of.
    """
    for name, document in config_files(path).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return folder


def config_files(path: Path) -> dict[str, Config]:
    """The JSON documents of such a folder, by their names in it, `model_index.json` among them."""
    checkpoint = read_checkpoint(path)
    if (
        checkpoint.pipeline is None
        or not checkpoint.kind.startswith((*MADE, "instruct"))
        or checkpoint.kind == "sd2-depth"
    ):
        raise CheckpointError(f"no configuration can be made of {checkpoint.title}: name a folder of one as `config`")
    try:
        return _files(checkpoint, split(read_header(path).tensors))
    except (IndexError, ZeroDivisionError, ValueError) as error:
        raise CheckpointError(f"the shapes in {path.name} are not those of {checkpoint.title}: {error}") from error


def _files(checkpoint: Checkpoint, parts: Parts) -> dict[str, Config]:
    scheduler = _scheduler(checkpoint)
    index: dict[str, Any] = {"_class_name": checkpoint.pipeline, "scheduler": ["diffusers", scheduler["_class_name"]]}
    made: dict[str, Config] = {"scheduler/scheduler_config.json": scheduler}
    denoiser = _denoiser(checkpoint, parts)
    part = "unet" if "unet" in parts.components else "transformer"
    made[f"{part}/config.json"] = denoiser
    index[part] = ["diffusers", denoiser["_class_name"]]
    made["vae/config.json"] = vae_config(parts.components.get("vae", {}), checkpoint)
    index["vae"] = ["diffusers", "AutoencoderKL"]
    for name, config in encoders(checkpoint, parts).items():
        made[f"{name}/config.json"] = config
        index[name] = ["transformers", config["architectures"][0]]
    for name, (kind, config) in tokenizers(checkpoint).items():
        made[f"{name}/tokenizer_config.json"] = config
        index[name] = ["transformers", kind]
    index |= _settings(checkpoint)
    return {INDEX: index, **made}


def _scheduler(checkpoint: Checkpoint) -> Config:
    kind = checkpoint.kind.replace("sd35", "sd3").replace("instruct", "sd15")
    begins = max((each for each in SCHEDULERS if kind.startswith(each)), key=len, default="flux-dev")
    return {**SCHEDULERS[begins], **checkpoint.scheduler_config}


def _denoiser(checkpoint: Checkpoint, parts: Parts) -> Config:
    if "unet" in parts.components:
        return unet_config(parts.denoiser, checkpoint)
    if checkpoint.kind.startswith("sd3"):
        return sd3_config(parts.denoiser)
    return flux_config(parts.denoiser)


def _settings(checkpoint: Checkpoint) -> dict[str, Any]:
    """What pipelines take besides components."""
    if checkpoint.kind.startswith(("sd15", "sd2", "instruct")):
        return {"safety_checker": [None, None], "feature_extractor": [None, None], "requires_safety_checker": False}
    if checkpoint.kind == "sdxl-refiner":
        none: Config = {"text_encoder": [None, None], "tokenizer": [None, None]}
        return {**none, "requires_aesthetics_score": True, "force_zeros_for_empty_prompt": False}
    return {"force_zeros_for_empty_prompt": True} if checkpoint.kind.startswith("sdxl") else {}
