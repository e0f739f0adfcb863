"""The configuration that is made from a file's shapes is the published one of the model, as far as weights go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
import transformers
from accelerate import init_empty_weights
from diffusers import AutoencoderKL, FluxTransformer2DModel, SD3Transformer2DModel, UNet2DConditionModel

from core.catalog.checkpoint import CheckpointError
from core.catalog.checkpoint_config import config_files, write_config
from tests import original_layout as layout
from tests.weight_files import safetensors_of
from worker.pipelines.component_weights import converted

UNET = "model.diffusion_model."
CROSS, PLAIN = "CrossAttnDownBlock2D", "DownBlock2D"
UP, PLAIN_UP = "CrossAttnUpBlock2D", "UpBlock2D"

SD15 = {"cross_attention_dim": 768, "attention_head_dim": 8}
SD2 = {"cross_attention_dim": 1024, "attention_head_dim": [5, 10, 20, 20], "use_linear_projection": True}
XL = {"addition_embed_type": "text_time", "addition_time_embed_dim": 256, "use_linear_projection": True}
SDXL = {
    **XL, "cross_attention_dim": 2048, "attention_head_dim": [5, 10, 20], "block_out_channels": [320, 640, 1280],
    "down_block_types": [PLAIN, CROSS, CROSS], "up_block_types": [UP, UP, PLAIN_UP],
    "transformer_layers_per_block": [1, 2, 10], "projection_class_embeddings_input_dim": 2816,
}  # fmt: skip
REFINER = {
    **XL, "cross_attention_dim": 1280, "attention_head_dim": [6, 12, 24, 24],
    "block_out_channels": [384, 768, 1536, 1536], "down_block_types": [PLAIN, CROSS, CROSS, PLAIN],
    "up_block_types": [PLAIN_UP, UP, UP, PLAIN_UP], "transformer_layers_per_block": 4,
    "projection_class_embeddings_input_dim": 2560,
}  # fmt: skip


def shapes(tensors: layout.Tensors) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in tensors.items()}


def empty(kind: Any, **config: Any) -> Any:
    with init_empty_weights():
        return kind(**config)


def from_made(path: Path, part: str, folder: Path) -> Any:
    """The module that the made configuration describes, without weights."""
    index = config_files(path)["model_index.json"]
    library, name = index[part]
    kind = getattr({"diffusers": diffusers, "transformers": transformers}[library], name)
    write_config(path, folder)
    with init_empty_weights():
        if library == "diffusers":
            return kind.from_config(kind.load_config(str(folder / part)))
        return kind(kind.config_class.from_pretrained(str(folder / part)))


@pytest.mark.parametrize("own", [False, True], ids=["original", "diffusers"])
@pytest.mark.parametrize("published", [SD15, SD2, SDXL, REFINER], ids=["sd15", "sd2", "sdxl", "refiner"])
def test_a_unet_s_configuration_is_the_published_one(tmp_path: Path, published: dict[str, Any], own: bool) -> None:
    # Given
    model = empty(UNet2DConditionModel, **published)
    tensors = model.state_dict() if own else layout.prefixed(UNET, layout.unet(model))
    path = safetensors_of(tmp_path / "file", shapes(tensors))
    # When
    made = from_made(path, "unet", tmp_path / "made")
    # Then
    assert shapes(made.state_dict()) == shapes(model.state_dict())
    heads = {attention.heads for name, attention in model.named_modules() if name.endswith("attn1")}
    assert {attention.heads for name, attention in made.named_modules() if name.endswith("attn1")} == heads


def test_an_inpainting_model_s_first_layer_is_its_own(tmp_path: Path) -> None:
    model = empty(UNet2DConditionModel, **SD15, in_channels=9)
    path = safetensors_of(tmp_path / "file", shapes(layout.prefixed(UNET, layout.unet(model))))
    files = config_files(path)
    assert files["unet/config.json"]["in_channels"] == 9
    assert files["model_index.json"]["_class_name"] == "StableDiffusionInpaintPipeline"


def test_sd3_and_flux_are_configured_as_published(tmp_path: Path) -> None:
    wide = {"joint_attention_dim": 4096, "pooled_projection_dim": 2048, "caption_projection_dim": 1536}
    medium = empty(
        SD3Transformer2DModel, num_layers=3, num_attention_heads=24, attention_head_dim=64, pos_embed_max_size=96,
        dual_attention_layers=(0, 1), qk_norm="rms_norm", **wide,
    )  # fmt: skip
    flux = empty(FluxTransformer2DModel, num_layers=2, num_single_layers=3, guidance_embeds=True)
    for number, model in enumerate((medium, flux)):
        path = safetensors_of(tmp_path / f"{number}", shapes(model.state_dict()))
        made = from_made(path, "transformer", tmp_path / f"made-{number}")
        assert shapes(made.state_dict()) == shapes(model.state_dict())
        assert made.config.attention_head_dim == model.config.attention_head_dim


def test_encoders_and_autoencoder_are_configured_as_published(tmp_path: Path) -> None:
    # Given
    unet = layout.prefixed(UNET, layout.unet(empty(UNet2DConditionModel, **SDXL)))
    vae = empty(
        AutoencoderKL, block_out_channels=(128, 256, 512, 512), layers_per_block=2,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip
    large = {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "projection_dim": 1280}
    with init_empty_weights():
        clip = transformers.CLIPTextModel(
            transformers.CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12)
        )
        bigger = transformers.CLIPTextModelWithProjection(
            transformers.CLIPTextConfig(**large, num_attention_heads=20, hidden_act="gelu")
        )
    tensors = {
        **unet,
        **layout.prefixed("first_stage_model.", layout.vae(vae)),
        **layout.prefixed("conditioner.embedders.0.transformer.", layout.clip(clip)),
        **layout.prefixed("conditioner.embedders.1.model.", layout.openclip(bigger)),
    }
    path = safetensors_of(tmp_path / "file", shapes(tensors))
    # When
    for part, model in {"vae": vae, "text_encoder": clip, "text_encoder_2": bigger}.items():
        made = from_made(path, part, tmp_path / "made")
        # Then
        assert shapes(made.state_dict()) == shapes(model.state_dict())
    index = config_files(path)["model_index.json"]
    assert index["tokenizer_2"] == ["transformers", "CLIPTokenizer"]


def test_what_is_no_model_has_no_configuration(tmp_path: Path) -> None:
    path = safetensors_of(tmp_path / "file", {"emb_params": (2, 768)})
    with pytest.raises(CheckpointError, match="a textual inversion"):
        config_files(path)


def test_flux_in_the_original_layout_is_brought_to_diffusers_names() -> None:
    """At true width, which diffusers' conversion takes for granted, and without weights."""
    # Given
    model = empty(FluxTransformer2DModel, num_layers=1, num_single_layers=1, guidance_embeds=True)
    tensors: layout.Tensors = {}
    for name, shape in FLUX.items():
        tensors[f"{name}.weight"] = torch.empty(shape, device="meta")
        tensors[f"{name}.bias"] = torch.empty(shape[0], device="meta")
    for name in ("double_blocks.0.img_attn", "double_blocks.0.txt_attn", "single_blocks.0"):
        for of in ("query", "key"):
            tensors[f"{name}.norm.{of}_norm.scale"] = torch.empty(128, device="meta")
    # When
    made = converted(model, dict(model.config), tensors)
    # Then
    assert shapes(made) == shapes(model.state_dict())


WIDE = 3072
FLUX = {
    "img_in": (WIDE, 64), "txt_in": (WIDE, 4096), "final_layer.linear": (64, WIDE),
    "final_layer.adaLN_modulation.1": (2 * WIDE, WIDE), "single_blocks.0.linear1": (7 * WIDE, WIDE),
    "single_blocks.0.linear2": (WIDE, 5 * WIDE), "single_blocks.0.modulation.lin": (3 * WIDE, WIDE),
    "time_in.in_layer": (WIDE, 256), "guidance_in.in_layer": (WIDE, 256), "vector_in.in_layer": (WIDE, 768),
    **{f"{name}.out_layer": (WIDE, WIDE) for name in ("time_in", "guidance_in", "vector_in")},
    **{f"double_blocks.0.{side}_mod.lin": (6 * WIDE, WIDE) for side in ("img", "txt")},
    **{f"double_blocks.0.{side}_attn.qkv": (3 * WIDE, WIDE) for side in ("img", "txt")},
    **{f"double_blocks.0.{side}_attn.proj": (WIDE, WIDE) for side in ("img", "txt")},
    **{f"double_blocks.0.{side}_mlp.0": (4 * WIDE, WIDE) for side in ("img", "txt")},
    **{f"double_blocks.0.{side}_mlp.2": (WIDE, 4 * WIDE) for side in ("img", "txt")},
}  # fmt: skip
"""The layers of a FLUX transformer of one block of each kind, as its authors named them."""
