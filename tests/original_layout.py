"""Writes diffusers pipelines as single files, in the original trainers' layout or in diffusers' own.

The inverse of diffusers' conversion, after its scripts `convert_diffusers_to_original_stable_diffusion.py` and
`convert_sd3_to_diffusers.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

Tensors = dict[str, torch.Tensor]


def write(tensors: Mapping[str, torch.Tensor], path: Path, metadata: dict[str, str] | None = None) -> Path:
    save_file({key: tensor.detach().clone().contiguous() for key, tensor in tensors.items()}, path, metadata)
    return path


def diffusers_layout(pipeline: Any) -> Tensors:
    """Every component's own names, after the component's."""
    modules = {name: each for name, each in pipeline.components.items() if isinstance(each, torch.nn.Module)}
    return {f"{name}.{key}": each for name, module in modules.items() for key, each in module.state_dict().items()}


def original_sd(pipeline: Any) -> Tensors:
    """Stable Diffusion 1: CLIP under `cond_stage_model`."""
    return {
        **prefixed("model.diffusion_model.", unet(pipeline.unet)),
        **prefixed("first_stage_model.", vae(pipeline.vae)),
        **prefixed("cond_stage_model.transformer.", clip(pipeline.text_encoder)),
    }


def original_sdxl(pipeline: Any) -> Tensors:
    return {
        **prefixed("model.diffusion_model.", unet(pipeline.unet)),
        **prefixed("first_stage_model.", vae(pipeline.vae)),
        **prefixed("conditioner.embedders.0.transformer.", clip(pipeline.text_encoder)),
        **prefixed("conditioner.embedders.1.model.", openclip(pipeline.text_encoder_2)),
    }


def original_sd3(pipeline: Any) -> Tensors:
    return {
        **prefixed("model.diffusion_model.", sd3(pipeline.transformer)),
        **prefixed("first_stage_model.", vae(pipeline.vae)),
        **prefixed("text_encoders.clip_l.transformer.", clip(pipeline.text_encoder)),
        **prefixed("text_encoders.clip_g.transformer.", clip(pipeline.text_encoder_2)),
        **prefixed("text_encoders.t5xxl.transformer.", pipeline.text_encoder_3.state_dict()),
    }


def prefixed(prefix: str, tensors: Mapping[str, torch.Tensor]) -> Tensors:
    return {prefix + key: tensor for key, tensor in tensors.items()}


RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "norm2": "out_layers.0", "conv2": "out_layers.3",
          "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection"}  # fmt: skip
UNET = {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
        "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
        "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2"}  # fmt: skip


def unet(module: Any) -> Tensors:
    layers = module.config.layers_per_block
    attended = ["CrossAttn" in kind for kind in module.config.up_block_types]
    return {unet_name(key, layers, attended): each for key, each in module.state_dict().items()}


def unet_name(key: str, layers: int, attended: list[bool]) -> str:
    for mine, theirs in UNET.items():
        if key.startswith(mine + "."):
            return theirs + key[len(mine) :]
    way, block, part, index, rest = re.match(
        r"(down|up|mid)_blocks?\.?(\d+)?\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)", key
    ).groups()  # type: ignore[union-attr]
    level, at = int(block or 0), int(index)
    if part == "resnets":
        name, _, end = rest.rpartition(".")
        rest = f"{RESNET[name]}.{end}"
    if way == "mid":
        return f"middle_block.{2 * at if part == 'resnets' else 1}.{rest}"
    if part == "downsamplers":
        return f"input_blocks.{(layers + 1) * (level + 1)}.0.op.{rest.removeprefix('conv.')}"
    if part == "upsamplers":
        return f"output_blocks.{(layers + 1) * level + layers}.{2 if attended[level] else 1}.{rest}"
    place = (layers + 1) * level + at + (1 if way == "down" else 0)
    return f"{'input' if way == 'down' else 'output'}_blocks.{place}.{0 if part == 'resnets' else 1}.{rest}"


ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def vae(module: Any) -> Tensors:
    last = len(module.config.block_out_channels) - 1
    made = {}
    for key, each in module.state_dict().items():
        name, tensor = key, each
        if ".mid_block.attentions.0." in name:
            for mine, theirs in ATTENTION.items():
                name = name.replace(f".attentions.0.{mine}.", f".attentions.0.{theirs}.")
            tensor = each[:, :, None, None] if each.dim() == 2 else each
        name = re.sub(r"mid_block\.resnets\.(\d)", lambda found: f"mid.block_{int(found[1]) + 1}", name)
        name = name.replace("mid_block.attentions.0", "mid.attn_1").replace("conv_norm_out", "norm_out")
        name = re.sub(r"down_blocks\.(\d+)\.resnets\.", r"down.\1.block.", name)
        name = re.sub(r"up_blocks\.(\d+)\.resnets\.", lambda found: f"up.{last - int(found[1])}.block.", name)
        name = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", name)
        name = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda found: f"up.{last - int(found[1])}.upsample", name)
        made[name.replace("conv_shortcut", "nin_shortcut")] = tensor
    return made


def clip(module: Any) -> Tensors:
    """As transformers named it when these files were made: all but the projection under `text_model`."""
    state = {key.removeprefix("text_model."): each for key, each in module.state_dict().items()}
    return {key if key.startswith("text_projection") else f"text_model.{key}": each for key, each in state.items()}


OPENCLIP = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
            "self_attn.out_proj": "attn.out_proj"}  # fmt: skip


def openclip(module: Any) -> Tensors:
    state = {key.removeprefix("text_model."): each for key, each in module.state_dict().items()}
    made: Tensors = {}
    for key, each in state.items():
        if key == "text_projection.weight":
            made["text_projection"] = each.T
        elif key.startswith("embeddings.position_embedding"):
            made["positional_embedding"] = each
        elif key.startswith(("embeddings.", "final_layer_norm.")):
            made[key.replace("embeddings.", "").replace("final_layer_norm", "ln_final")] = each
        elif ".self_attn.q_proj." in key:
            merged = torch.cat([state[key.replace(".q_proj.", f".{one}_proj.")] for one in "qkv"])
            name = key.replace("encoder.layers.", "transformer.resblocks.").replace(
                "self_attn.q_proj.", "attn.in_proj_"
            )
            made[name] = merged
        elif ".k_proj." not in key and ".v_proj." not in key:
            name = key.replace("encoder.layers.", "transformer.resblocks.")
            for mine, theirs in OPENCLIP.items():
                name = name.replace(mine, theirs)
            made[name] = each
    return made


SD3 = {"pos_embed.pos_embed": "pos_embed", "pos_embed.proj": "x_embedder.proj", "context_embedder": "context_embedder",
       "time_text_embed.timestep_embedder.linear_1": "t_embedder.mlp.0", "proj_out": "final_layer.linear",
       "time_text_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
       "time_text_embed.text_embedder.linear_1": "y_embedder.mlp.0",
       "time_text_embed.text_embedder.linear_2": "y_embedder.mlp.2"}  # fmt: skip
SD3_BLOCK = {"attn.to_out.0": "x_block.attn.proj", "attn.to_add_out": "context_block.attn.proj",
             "norm1.linear": "x_block.adaLN_modulation.1", "norm1_context.linear": "context_block.adaLN_modulation.1",
             "ff.net.0.proj": "x_block.mlp.fc1", "ff.net.2": "x_block.mlp.fc2",
             "ff_context.net.0.proj": "context_block.mlp.fc1", "ff_context.net.2": "context_block.mlp.fc2"}  # fmt: skip


def sd3(module: Any) -> Tensors:
    state, made = module.state_dict(), {}
    last = module.config.num_layers - 1
    for key, each in state.items():
        if key.startswith("norm_out.linear."):
            made[f"final_layer.adaLN_modulation.1.{key.rpartition('.')[2]}"] = swapped(each)
        elif key.startswith("transformer_blocks."):
            _, index, rest = key.split(".", 2)
            name, _, end = rest.rpartition(".")
            if name in ("attn.to_q", "attn.add_q_proj"):
                three = [state[f"transformer_blocks.{index}.{name.replace('q', one)}.{end}"] for one in "qkv"]
                side = "x" if name == "attn.to_q" else "context"
                made[f"joint_blocks.{index}.{side}_block.attn.qkv.{end}"] = torch.cat(three)
            elif name in SD3_BLOCK:
                flip = name == "norm1_context.linear" and int(index) == last
                made[f"joint_blocks.{index}.{SD3_BLOCK[name]}.{end}"] = swapped(each) if flip else each
        else:
            name = next(mine for mine in SD3 if key == mine or key.startswith(mine + "."))
            made[SD3[name] + key[len(name) :]] = each
    return made


def swapped(tensor: torch.Tensor) -> torch.Tensor:
    return torch.cat(tensor.chunk(2)[::-1])
