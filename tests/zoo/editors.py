"""Qwen-Image's editors, which scale their picture to a megapixel, and Kandinsky 5, which draws seven sizes only."""

from __future__ import annotations

from typing import Any

from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    Kandinsky5T2IPipeline,
    Kandinsky5Transformer3DModel,
    QwenImageEditPipeline,
    QwenImageEditPlusPipeline,
)
from transformers import CLIPTextModel

from core.catalog.model import SizeGrid
from tests.tiny_models import clip, clip_tokenizer, vae
from tests.zoo.encoders import qwen_vl
from tests.zoo.entry import Entry
from tests.zoo.qwen import qwen_image_parts, qwen_vae
from tests.zoo.tokenizers import qwen_processor
from tests.zoo.weights import awakened


def edit_parts() -> dict[str, Any]:
    """With latents 32 pixels wide, so that a megapixel is 256 tokens."""
    return qwen_image_parts() | {"vae": qwen_vae(halvings=5), "processor": qwen_processor()}


def qwen_edit() -> QwenImageEditPipeline:
    return QwenImageEditPipeline(**edit_parts())


def qwen_edit_plus() -> QwenImageEditPlusPipeline:
    return QwenImageEditPlusPipeline(**edit_parts())


def kandinsky5() -> Kandinsky5T2IPipeline:
    return Kandinsky5T2IPipeline(
        transformer=awakened(
            Kandinsky5Transformer3DModel(
                in_visual_dim=4,
                in_text_dim=32,
                in_text_dim2=32,
                time_dim=16,
                out_visual_dim=4,
                patch_size=(1, 4, 4),
                model_dim=16,
                ff_dim=32,
                num_text_blocks=1,
                num_visual_blocks=1,
                axes_dims=(1, 1, 2),
                visual_cond=False,
                attention_type="regular",
            )
        ),
        vae=vae(latent_channels=4, scaling_factor=0.3611, shift_factor=0.1159),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
        text_encoder=qwen_vl(),
        tokenizer=qwen_processor(),
        text_encoder_2=clip(CLIPTextModel, tokens=77),
        tokenizer_2=clip_tokenizer(tokens=77),
    )


EDIT_SIZES = SizeGrid(minimum=64, maximum=256, multiple=64, width=128, height=128)
TRAINED_ON = ((1024, 1024), (640, 1408), (1408, 640), (768, 1280), (1280, 768), (896, 1152), (1152, 896))
BUCKETS = SizeGrid(minimum=640, maximum=1408, multiple=128, width=1024, height=1024, buckets=TRAINED_ON)

EDITOR: dict[str, Any] = {
    "tasks": ("image-to-image",),
    "sizes": EDIT_SIZES,
    "other": (128, 192),
    "guidance": "true_cfg_scale",
    "strength": False,
    "needs": ("torchvision",),
    "steps": (3, 4, 2),
    "slow": True,
}

ENTRIES = {
    "qwen-image-edit": Entry(build=qwen_edit, **EDITOR),
    "qwen-image-edit-plus": Entry(build=qwen_edit_plus, **EDITOR),
    "kandinsky5": Entry(
        build=kandinsky5,
        sizes=BUCKETS,
        other=(768, 1280),
        steps=(3, 4, 2),
        needs=("torchvision",),
        slow=True,
        equal_lengths="its texts are packed without a mask",
    ),
}
