"""Makes small random ControlNets, T2I-Adapters and IP-Adapters for a pipeline, as people have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel, ControlNetUnionModel, FluxControlNetModel, SD3ControlNetModel, T2IAdapter
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

HINTS = (8, 8, 16, 16)
EMBEDDING = 24
STATES = 32


def stirred(module: Any, seed: int, std: float = 0.1) -> Any:
    """`module` with noise where weights are made to do nothing before they are trained."""
    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in module.parameters():
            if not weight.any():
                weight.copy_(std * torch.randn(weight.shape, generator=noise))
    return module.eval()


def controlnet_for(pipeline: Any, seed: int = 0) -> Any:
    """A ControlNet of the kind that goes with the pipeline."""
    torch.manual_seed(seed)
    if hasattr(pipeline, "unet"):
        return stirred(ControlNetModel.from_unet(pipeline.unet, conditioning_embedding_out_channels=HINTS), seed)
    config = pipeline.transformer.config
    if type(pipeline.transformer).__name__.startswith("SD3"):
        made: Any = SD3ControlNetModel.from_config({**config, "num_layers": 1, "extra_conditioning_channels": 0})
        return stirred(made, seed)
    return stirred(FluxControlNetModel.from_config({**config, "num_layers": 1, "num_single_layers": 1}), seed)


def union_for(pipeline: Any, seed: int = 0) -> Any:
    """One ControlNet for several kinds of control, for a pipeline with a UNet, or FLUX's."""
    torch.manual_seed(seed)
    if not hasattr(pipeline, "unet"):
        config = {**pipeline.transformer.config, "num_layers": 1, "num_single_layers": 1, "num_mode": 4}
        return stirred(FluxControlNetModel.from_config(config), seed)
    known = ControlNetUnionModel.from_config(
        {
            **{name: value for name, value in pipeline.unet.config.items() if not name.startswith("_")},
            "conditioning_embedding_out_channels": HINTS,
            "num_trans_channel": pipeline.unet.config.block_out_channels[0],
            "num_proj_channel": pipeline.unet.config.block_out_channels[0],
            "num_trans_head": 2,
        }
    )
    return stirred(known, seed)


def t2i_adapter_for(pipeline: Any, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    channels = list(pipeline.unet.config.block_out_channels)
    scale = 2 ** (len(pipeline.vae.config.block_out_channels) - 1)
    return stirred(
        T2IAdapter(
            in_channels=3, channels=channels, num_res_blocks=1, downscale_factor=scale, adapter_type="full_adapter"
        ),
        seed,
    )


def write_image_encoder(folder: Path, seed: int = 0, states: int = STATES) -> Path:
    torch.manual_seed(seed)
    config = CLIPVisionConfig(
        hidden_size=states,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
        projection_dim=EMBEDDING,
    )
    CLIPVisionModelWithProjection(config).eval().save_pretrained(folder)
    return folder


def write_ip_adapter(pipeline: Any, file: Path, *, full: bool = False, seed: int = 0) -> Path:
    """In the layout that IP-Adapters are shared in; a `full` one sees by states instead of an embedding."""
    noise = torch.Generator().manual_seed(seed)

    def some(*size: int) -> torch.Tensor:
        return 0.5 * torch.randn(size, generator=noise)

    unet = pipeline.unet
    width = unet.config.cross_attention_dim
    if full:
        projection = {
            "proj.0.weight": some(STATES, STATES),
            "proj.0.bias": some(STATES),
            "proj.2.weight": some(width, STATES),
            "proj.2.bias": some(width),
            "proj.3.weight": some(width),
            "proj.3.bias": some(width),
        }
    else:
        projection = {
            "proj.weight": some(4 * width, EMBEDDING),
            "proj.bias": some(4 * width),
            "norm.weight": some(width),
            "norm.bias": some(width),
        }
    tensors = {f"image_proj.{name}": tensor for name, tensor in projection.items()}
    number = 1
    for name in unet.attn_processors:
        if name.endswith("attn2.processor"):
            size = unet.get_submodule(name.removesuffix(".processor")).to_q.out_features
            tensors[f"ip_adapter.{number}.to_k_ip.weight"] = some(size, width)
            tensors[f"ip_adapter.{number}.to_v_ip.weight"] = some(size, width)
            number += 2
    save_file(tensors, file)
    return file
