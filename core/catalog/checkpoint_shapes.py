"""The configurations of denoisers and autoencoders, from the shapes of their tensors in either layout."""

from __future__ import annotations

import re
from typing import Any, Final

from core.catalog.checkpoint import Checkpoint
from core.catalog.checkpoint_parts import Tensors
from core.catalog.tensor_info import CheckpointError

Config = dict[str, Any]

VAES: Final[dict[str, Config]] = {
    "sd": {"latent_channels": 4, "scaling_factor": 0.18215},
    "sdxl": {"latent_channels": 4, "scaling_factor": 0.13025, "force_upcast": True},
    "sd3": {"latent_channels": 16, "scaling_factor": 1.5305, "shift_factor": 0.0609},
    "flux": {"latent_channels": 16, "scaling_factor": 0.3611, "shift_factor": 0.1159},
}
"""What of an autoencoder no shape tells, by how the kinds begin."""


def unet_config(tensors: Tensors, checkpoint: Checkpoint) -> Config:
    """Levels, widths and depths as they are; heads as the original models of the kind have them."""
    levels = _original_levels(tensors) if "input_blocks.0.0.weight" in tensors else _own_levels(tensors)
    if not levels:
        raise CheckpointError("the UNet has no levels: it is not whole")
    widths = [width for width, _, _ in levels]
    depths = [max(depth) if depth else 0 for _, _, depth in levels]
    depths_at = [depth or 1 for depth in depths]
    depths_at[-1] = depths[-1] or _middle_depth(tensors)  # the middle block's is the last one's
    one = not checkpoint.kind.startswith("sdxl")
    name = "label_emb.0.0.weight" if "label_emb.0.0.weight" in tensors else "add_embedding.linear_1.weight"
    label = tensors.get(name)
    made: Config = {
        "_class_name": "UNet2DConditionModel",
        "sample_size": checkpoint.width // 8,
        "in_channels": checkpoint.channels,
        "out_channels": 4,
        "down_block_types": ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths],
        "up_block_types": ["CrossAttnUpBlock2D" if depth else "UpBlock2D" for depth in reversed(depths)],
        "block_out_channels": widths,
        "layers_per_block": levels[0][1],
        "cross_attention_dim": checkpoint.context,
        "attention_head_dim": 8 if _has_eight_heads(checkpoint) else [max(1, width // 64) for width in widths],
        "use_linear_projection": any(k.endswith(".proj_in.weight") and len(t.shape) == 2 for k, t in tensors.items()),
        "transformer_layers_per_block": 1 if one else depths_at,
        "norm_num_groups": 32,
    }
    if checkpoint.kind == "sd2" and checkpoint.prediction_type == "v_prediction":
        made["upcast_attention"] = True
    if label is not None:
        made |= {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": label.shape[1],
        }
    return made


def _middle_depth(tensors: Tensors) -> int:
    prefixes = ("middle_block.1.transformer_blocks.", "mid_block.attentions.0.transformer_blocks.")
    return max(1, _count(tensors, *prefixes))


def _has_eight_heads(checkpoint: Checkpoint) -> bool:
    return checkpoint.kind.startswith(("sd15", "instruct"))


Levels = list[tuple[int, int, list[int]]]
"""Width, resnets, and the depth of each transformer, of every level on the way down."""


def _original_levels(tensors: Tensors) -> Levels:
    blocks: dict[int, tuple[str, int, int]] = {}
    for key, tensor in tensors.items():
        if (found := re.match(r"input_blocks\.(\d+)\.0\.(in_layers\.2|op)\.weight$", key)) is not None:
            start = f"input_blocks.{found[1]}.1.transformer_blocks."
            depth = len({name.split(".")[4] for name in tensors if name.startswith(start)})
            blocks[int(found[1])] = (found[2], tensor.shape[0], depth)
    levels: Levels = []
    resnets: list[tuple[int, int]] = []
    for number in sorted(blocks):
        kind, width, depth = blocks[number]
        if kind == "op":
            levels.append((resnets[-1][0] if resnets else width, len(resnets), [each for _, each in resnets if each]))
            resnets = []
        else:
            resnets.append((width, depth))
    return [*levels, (resnets[-1][0], len(resnets), [each for _, each in resnets if each])] if resnets else levels


def _own_levels(tensors: Tensors) -> Levels:
    levels: Levels = []
    while names := [key for key in tensors if key.startswith(f"down_blocks.{len(levels)}.")]:
        resnets = {key.split(".")[3] for key in names if ".resnets." in key}
        depths = []
        for place in {key.split(".")[3] for key in names if ".attentions." in key}:
            start = f"down_blocks.{len(levels)}.attentions.{place}.transformer_blocks."
            depths.append(len({key.split(".")[5] for key in names if key.startswith(start)}))
        first = tensors.get(f"down_blocks.{len(levels)}.resnets.0.conv1.weight")
        if first is None:
            break
        levels.append((first.shape[0], len(resnets), depths))
    return levels


def vae_config(tensors: Tensors, checkpoint: Checkpoint) -> Config:
    """Widths and layers as they are; where the file has no autoencoder, those of the original models."""
    begins = next((each for each in ("sdxl", "sd3", "flux") if checkpoint.kind.startswith(each)), "sd")
    widths, layers = _vae_levels(tensors)
    latent = tensors.get("decoder.conv_in.weight")
    quantised = (not tensors and begins in ("sd", "sdxl")) or "post_quant_conv.weight" in tensors
    return {
        "_class_name": "AutoencoderKL",
        **VAES[begins],
        "in_channels": 3,
        "out_channels": 3,
        "block_out_channels": widths,
        "down_block_types": ["DownEncoderBlock2D"] * len(widths),
        "up_block_types": ["UpDecoderBlock2D"] * len(widths),
        "layers_per_block": layers,
        "sample_size": checkpoint.width,
        "norm_num_groups": 32,
        "use_quant_conv": quantised,
        "use_post_quant_conv": quantised,
        **({"latent_channels": latent.shape[1]} if latent is not None else {}),
    }


def _vae_levels(tensors: Tensors) -> tuple[list[int], int]:
    widths, layers = [], 0
    pattern = re.compile(r"encoder\.(?:down\.(\d+)\.block|down_blocks\.(\d+)\.resnets)\.(\d+)\.conv1\.weight$")
    found = [(match, tensor) for key, tensor in tensors.items() if (match := pattern.match(key))]
    for match, tensor in sorted(found, key=lambda each: int(each[0][1] or each[0][2])):
        layers = max(layers, int(match[3]) + 1)
        if match[3] == "0":
            widths.append(tensor.shape[0])
    return (widths, layers) if widths else ([128, 256, 512, 512], 2)


def _count(tensors: Tensors, *prefixes: str) -> int:
    return len({key[len(prefix) :].split(".")[0] for key in tensors for prefix in prefixes if key.startswith(prefix)})


def _shape(tensors: Tensors, *names: str) -> tuple[int, ...]:
    for name in names:
        if name in tensors:
            shape: tuple[int, ...] = tensors[name].shape
            return shape
    raise CheckpointError(f"the transformer has no '{names[0]}': it is not whole")


def sd3_config(tensors: Tensors) -> Config:
    """https://huggingface.co/stabilityai/stable-diffusion-3.5-medium, transformer/config.json, for the rest."""
    embedded = _shape(tensors, "x_embedder.proj.weight", "pos_embed.proj.weight")
    places = _shape(tensors, "pos_embed", "pos_embed.pos_embed")
    text = _shape(tensors, "context_embedder.weight")
    pooled = _shape(tensors, "y_embedder.mlp.0.weight", "time_text_embed.text_embedder.linear_1.weight")
    width, channels, patch = embedded[0], embedded[1], embedded[2]
    drawn = _shape(tensors, "final_layer.linear.weight", "proj_out.weight")[0] // patch**2
    dual = sorted({int(key.split(".")[1]) for key in tensors if ".attn2." in key})
    normed = any(key.endswith((".ln_q.weight", ".attn.norm_q.weight")) for key in tensors)
    side = round(places[1] ** 0.5)
    return {
        "_class_name": "SD3Transformer2DModel",
        "sample_size": 128 if side >= 64 else side,
        "pos_embed_max_size": side,
        "patch_size": patch,
        "in_channels": channels,
        "out_channels": drawn,
        "num_layers": _count(tensors, "joint_blocks.", "transformer_blocks."),
        "attention_head_dim": 64 if width % 64 == 0 else width,
        "num_attention_heads": width // 64 if width % 64 == 0 else 1,
        "joint_attention_dim": text[1],
        "caption_projection_dim": text[0],
        "pooled_projection_dim": pooled[1],
        "dual_attention_layers": dual,
        "qk_norm": "rms_norm" if normed else None,
    }


def flux_config(tensors: Tensors) -> Config:
    """https://huggingface.co/black-forest-labs/FLUX.1-dev, transformer/config.json, for the rest."""
    taken = _shape(tensors, "img_in.weight", "x_embedder.weight")
    drawn = _shape(tensors, "final_layer.linear.weight", "proj_out.weight")[0]
    text = _shape(tensors, "txt_in.weight", "context_embedder.weight")
    pooled = _shape(tensors, "vector_in.in_layer.weight", "time_text_embed.text_embedder.linear_1.weight")
    return {
        "_class_name": "FluxTransformer2DModel",
        "patch_size": 1,
        "in_channels": taken[1],
        "out_channels": drawn,
        "num_layers": _count(tensors, "double_blocks.", "transformer_blocks."),
        "num_single_layers": _count(tensors, "single_blocks.", "single_transformer_blocks."),
        "attention_head_dim": 128,
        "num_attention_heads": max(1, taken[0] // 128),
        "joint_attention_dim": text[1],
        "pooled_projection_dim": pooled[1],
        "guidance_embeds": any(
            key.startswith(("guidance_in.", "time_text_embed.guidance_embedder.")) for key in tensors
        ),
        "axes_dims_rope": [16, 56, 56],
    }
