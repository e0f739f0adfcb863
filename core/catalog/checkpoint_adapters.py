"""Tells files of weights that are no model by themselves: LoRAs, ControlNets, embeddings, parts of a model."""

from __future__ import annotations

import re
from typing import Final

from core.catalog.checkpoint_parts import Parts
from core.catalog.families import UNKNOWN
from core.catalog.tensor_info import TensorInfo

Tensors = dict[str, TensorInfo]

LORA: Final = re.compile(
    r"^lora_|^lycoris_|\.lora_(up|down|A|B|a|b|mid)\b|\.lora\.(up|down)\b|\.(hada|lokr|oft)_|\.dora_scale$|lora_magnitude|_lora\d?\."
)

LORA_CONTEXT: Final = (
    "attn2_to_k.lora_down.weight",
    "attn2.to_k.lora_A.weight",
    "attn2.to_k.lora.down.weight",
    "attn2_to_k.hada_w1_b",
    "attn2.processor.to_k_lora.down.weight",
)
"""Layers of LoRAs that are as wide as the text states, by how their names end."""

TITLES: Final = {
    "lora": "a LoRA",
    "controlnet": "a ControlNet",
    "t2i-adapter": "a T2I adapter",
    "ip-adapter": "an IP-Adapter",
    "textual-inversion": "a textual inversion (an embedding)",
    "motion-module": "a motion module for video",
    "upscaler": "an upscaler of pictures",
    "vae": "an autoencoder (VAE)",
    "tiny-vae": "a tiny autoencoder (TAESD)",
    "text-encoder": "a text encoder",
    "image-encoder": "an image encoder",
    "language-model": "a language model or a text encoder of its make",
}

FAMILIES: Final = {768: "sd15", 1024: "sd2", 2048: "sdxl", 1280: "sdxl", 4096: "flux"}


FAMILY_TITLES: Final = {
    "sd15": "Stable Diffusion 1",
    "sd2": "Stable Diffusion 2",
    "sdxl": "Stable Diffusion XL",
    "flux": "FLUX",
}
"""The families that the shapes of an adapter tell, in words."""


def adapter_of(tensors: Tensors, parts: Parts) -> tuple[str, str, str] | None:
    """Kind, title and family of a file that is no model by itself; None if it may be one."""
    kind = _kind(tensors, parts)
    if kind is None:
        return None
    return kind, TITLES[kind], _family(tensors, kind)


def _kind(tensors: Tensors, parts: Parts) -> str | None:
    names = list(tensors)
    if 2 * sum(bool(LORA.search(name)) for name in names) > len(names):
        return "lora"
    if any(name.endswith((".diff", ".diff_b")) for name in names):
        return "lora"
    if any("motion_modules." in name for name in names):
        return "motion-module"
    if any(name.startswith(("control_model.", "control_all_x_embedder.")) for name in names):
        return "controlnet"
    if any("controlnet_" in name or "input_hint_block." in name for name in names):
        return "controlnet"
    if any(name.startswith(("ip_adapter.", "image_proj.")) for name in names):
        return "ip-adapter"
    if parts.denoiser:
        return None
    if (len(names) <= 6 and any(name in EMBEDDINGS for name in names)) or _is_vectors(tensors):
        return "textual-inversion"
    if parts.components:
        return "vae" if "vae" in parts.components else "text-encoder"
    return _bare(set(names))


EMBEDDINGS: Final = frozenset({"emb_params", "clip_l", "clip_g", "string_to_param", "*"})


def _is_vectors(tensors: Tensors) -> bool:
    """Few tensors, each a handful of vectors as wide as a text encoder's states."""
    widths = {768, 1024, 1280, 2048, 4096}
    return len(tensors) <= 2 and all(
        0 < len(each.shape) <= 2 and each.shape[-1] in widths and (len(each.shape) == 1 or each.shape[0] <= 256)
        for each in tensors.values()
    )


def _bare(names: set[str]) -> str | None:
    """A component alone, without a prefix."""
    first = sorted(names)
    if names & {"decoder.conv_in.weight", "encoder.conv_in.weight", "decoder.conv_in.conv.weight"}:
        return "vae"
    if any(name.startswith(("decoder.layers.", "encoder.layers.0.conv")) for name in first):
        return "tiny-vae"
    if any("vision_model." in name or name.startswith("visual.") for name in first) and not any(
        "text_model." in name or name.startswith("model.layers.") for name in first
    ):
        return "image-encoder"
    if any("token_embedding.weight" in name or "encoder.block.0.layer.0" in name for name in first) or any(
        re.match(r"(enc|blk)\.(blk\.)?0\.attn", name) or name == "shared.weight" for name in first
    ):
        return "text-encoder"
    if any(re.match(r"(model\.|language_model\.)*layers\.0\.self_attn", name) for name in first):
        return "language-model"
    if any(
        name.startswith(("conv_first.", "body.0.rdb", "model.0.weight", "model.1.sub.", "RRDB_trunk")) for name in first
    ):
        return "upscaler"
    if any(name.startswith(("body.0.block", "adapter.")) for name in first):
        return "t2i-adapter"
    return None


def _family(tensors: Tensors, kind: str) -> str:
    """By the width of the text states that it attends to, where it has layers that do."""
    if any("single_blocks" in name or "single_transformer_blocks" in name for name in tensors):
        return "flux"
    marks = LORA_CONTEXT if kind == "lora" else ("attn2.to_k.weight", "to_k_ip.weight")
    for name, tensor in tensors.items():
        if name.endswith(marks) and len(tensor.shape) > 1:
            return FAMILIES.get(tensor.shape[1], UNKNOWN)
    if kind == "textual-inversion":
        if {"clip_l", "clip_g"} <= tensors.keys():
            return "sdxl"
        return FAMILIES.get(max(each.shape[-1] for each in tensors.values() if each.shape), UNKNOWN)
    return UNKNOWN
