"""Tells the kind of a file of weights from its tensors, and what the catalogue's row for it needs."""

from __future__ import annotations

from typing import Any, Final

from core.catalog.checkpoint_adapters import adapter_of
from core.catalog.checkpoint_header import Header
from core.catalog.checkpoint_networks import network_of
from core.catalog.checkpoint_parts import Parts
from core.catalog.checkpoint_prediction import prediction_of
from core.catalog.families import family_of
from core.catalog.tensor_info import CheckpointError, TensorInfo

Kind = dict[str, Any]
"""Fields of `Checkpoint`."""

EVERY_TASK: Final = ("text-to-image", "image-to-image", "inpaint")
SD, SDXL = "StableDiffusion", "StableDiffusionXL"

KINDS: Final[dict[str, Kind]] = {
    "sd15": dict(title="a Stable Diffusion 1 model", pipeline=f"{SD}Pipeline", tasks=EVERY_TASK, size=512,
                 reference="stable-diffusion-v1-5/stable-diffusion-v1-5", guidance_scale=7.0),
    "sd15-inpainting": dict(title="a Stable Diffusion 1 inpainting model", pipeline=f"{SD}InpaintPipeline",
                            tasks=("inpaint",), size=512, guidance_scale=7.0,
                            reference="stable-diffusion-v1-5/stable-diffusion-inpainting"),
    "instruct-pix2pix": dict(title="an InstructPix2Pix model", pipeline=f"{SD}InstructPix2PixPipeline",
                             tasks=("image-to-image",), size=512, guidance_scale=7.0,
                             reference="timbrooks/instruct-pix2pix"),
    "sd2": dict(title="a Stable Diffusion 2 model", pipeline=f"{SD}Pipeline", tasks=EVERY_TASK, size=512,
                reference="stabilityai/stable-diffusion-2-1", guidance_scale=7.0),
    "sd2-inpainting": dict(title="a Stable Diffusion 2 inpainting model", pipeline=f"{SD}InpaintPipeline",
                           tasks=("inpaint",), size=512, guidance_scale=7.0,
                           reference="stabilityai/stable-diffusion-2-inpainting"),
    "sd2-depth": dict(title="a Stable Diffusion 2 depth model", pipeline=f"{SD}Depth2ImgPipeline",
                      tasks=("image-to-image",), size=512, guidance_scale=7.0,
                      reference="stabilityai/stable-diffusion-2-depth"),
    "sdxl": dict(title="a Stable Diffusion XL model", pipeline=f"{SDXL}Pipeline", tasks=EVERY_TASK, size=1024,
                 reference="stabilityai/stable-diffusion-xl-base-1.0", guidance_scale=6.0),
    "sdxl-refiner": dict(title="a Stable Diffusion XL refiner", pipeline=f"{SDXL}Img2ImgPipeline",
                         tasks=("image-to-image",), size=1024, guidance_scale=6.0,
                         reference="stabilityai/stable-diffusion-xl-refiner-1.0"),
    "sdxl-inpainting": dict(title="a Stable Diffusion XL inpainting model", pipeline=f"{SDXL}InpaintPipeline",
                            tasks=("inpaint",), size=1024, guidance_scale=6.0,
                            reference="diffusers/stable-diffusion-xl-1.0-inpainting-0.1"),
    "sdxl-instruct-pix2pix": dict(title="a Stable Diffusion XL InstructPix2Pix model", size=1024,
                                  pipeline=f"{SDXL}InstructPix2PixPipeline", tasks=("image-to-image",),
                                  reference="stabilityai/stable-diffusion-xl-base-1.0", guidance_scale=6.0),
    "sd3": dict(title="a Stable Diffusion 3 medium model", pipeline=f"{SD}3Pipeline", tasks=EVERY_TASK, size=1024,
                reference="stabilityai/stable-diffusion-3-medium-diffusers", guidance_scale=5.0),
    "sd35-medium": dict(title="a Stable Diffusion 3.5 medium model", pipeline=f"{SD}3Pipeline", tasks=EVERY_TASK,
                        size=1024, reference="stabilityai/stable-diffusion-3.5-medium", guidance_scale=4.5),
    "sd35-large": dict(title="a Stable Diffusion 3.5 large model", pipeline=f"{SD}3Pipeline", tasks=EVERY_TASK,
                       size=1024, reference="stabilityai/stable-diffusion-3.5-large", guidance_scale=4.5),
    "flux-dev": dict(title="a FLUX.1 dev model (or Kontext, whose shapes are the same)", pipeline="FluxPipeline",
                     tasks=EVERY_TASK, size=1024, reference="black-forest-labs/FLUX.1-dev", guidance_scale=3.5),
    "flux-schnell": dict(title="a FLUX.1 schnell model", pipeline="FluxPipeline", tasks=EVERY_TASK, size=1024,
                         reference="black-forest-labs/FLUX.1-schnell", guidance_scale=0.0, num_inference_steps=4),
    "flux-fill": dict(title="a FLUX.1 Fill model", pipeline="FluxFillPipeline", tasks=("inpaint",), size=1024,
                      reference="black-forest-labs/FLUX.1-Fill-dev", guidance_scale=30.0),
    "flux-control": dict(title="a FLUX.1 Canny or Depth model", pipeline="FluxControlPipeline", tasks=(), size=1024,
                         reference="black-forest-labs/FLUX.1-Depth-dev", guidance_scale=10.0),
    "flux2": dict(title="a FLUX.2 transformer", pipeline="Flux2Pipeline", tasks=("text-to-image",), size=1024,
                  reference="black-forest-labs/FLUX.2-dev"),
    "chroma": dict(title="a Chroma transformer", pipeline="ChromaPipeline", tasks=("text-to-image", "image-to-image"),
                   size=1024, reference="lodestones/Chroma1-HD"),
    "auraflow": dict(title="an AuraFlow transformer", pipeline="AuraFlowPipeline", tasks=("text-to-image",), size=1024,
                     reference="fal/AuraFlow-v0.3"),
    "lumina2": dict(title="a Lumina 2 transformer", pipeline="Lumina2Pipeline", tasks=("text-to-image",), size=1024,
                    reference="Alpha-VLLM/Lumina-Image-2.0"),
    "z-image": dict(title="a Z-Image transformer", pipeline="ZImagePipeline", tasks=("text-to-image",), size=1024,
                    reference="Tongyi-MAI/Z-Image-Turbo", guidance_scale=0.0, num_inference_steps=9),
    "qwen-image": dict(title="a Qwen-Image transformer", pipeline="QwenImagePipeline", tasks=("text-to-image",),
                       size=1328, reference="Qwen/Qwen-Image", guidance_scale=4.0),
    "hidream": dict(title="a HiDream transformer", pipeline="HiDreamImagePipeline", tasks=("text-to-image",),
                    size=1024, reference="HiDream-ai/HiDream-I1-Dev"),
    "sana": dict(title="a Sana transformer", pipeline="SanaPipeline", tasks=("text-to-image",), size=1024,
                 reference="Efficient-Large-Model/Sana_1600M_1024px_diffusers"),
}  # fmt: skip
"""What is true of every file of a kind; the size is the side of the pictures that it was trained on, in pixels."""

COMPONENTS: Final = {
    "sdxl": ("vae", "text_encoder", "text_encoder_2"),
    "sdxl-inpainting": ("vae", "text_encoder", "text_encoder_2"),
    "sdxl-refiner": ("vae", "text_encoder_2"),
    "sd2-depth": ("vae", "text_encoder", "depth_estimator"),
    "sd3": ("vae", "text_encoder", "text_encoder_2", "text_encoder_3"),
    "sd35-medium": ("vae", "text_encoder", "text_encoder_2", "text_encoder_3"),
    "sd35-large": ("vae", "text_encoder", "text_encoder_2", "text_encoder_3"),
    **dict.fromkeys(
        ("flux-dev", "flux-schnell", "flux-fill", "flux-control"), ("vae", "text_encoder", "text_encoder_2")
    ),
}
"""What a kind's pipeline has besides the denoiser: an autoencoder and a text encoder where nothing is said."""

TRANSFORMERS: Final = (
    ("flux2", ("single_stream_modulation.lin.weight", "single_stream_modulation.linear.weight")),
    ("chroma", ("distilled_guidance_layer.in_proj.bias", "distilled_guidance_layer.in_proj.weight")),
    ("auraflow", ("double_layers.0.attn.w2q.weight", "joint_transformer_blocks.0.attn.add_q_proj.weight")),
    ("z-image", ("layers.0.adaLN_modulation.0.weight", "all_x_embedder.2-1.weight")),
    ("lumina2", ("cap_embedder.0.weight", "time_caption_embed.caption_embedder.0.weight")),
    ("hidream", ("double_stream_blocks.0.block.adaLN_modulation.1.bias",)),
    ("sana", ("blocks.0.cross_attn.q_linear.weight",)),
    ("qwen-image", ("transformer_blocks.0.img_mod.1.weight",)),
)
"""Transformers that one tensor tells (as diffusers' own `CHECKPOINT_KEY_NAMES`), the more special before the others."""


def kind_of(header: Header, parts: Parts) -> Kind:
    """What `header` says that its file is. Raises CheckpointError if nothing is known of such a file."""
    if (network := network_of(header)) is not None:
        return network
    if (adapter := adapter_of(header.tensors, parts)) is not None:
        kind, title, family = adapter
        return {"kind": kind, "title": title, "family": family}
    denoiser = parts.denoiser
    if not denoiser:
        first = ", ".join(f"'{key[:60]}'" for key in list(header.tensors)[:3])
        raise CheckpointError(f"{header.path.name} holds no model that is known: its first tensors are {first}")
    told = _unet(header, parts) if "unet" in parts.components else _transformer(denoiser, header.path.name)
    name = told["kind"]
    usual = KINDS[name]
    side = told.pop("size", usual["size"])
    prediction = prediction_of(header, parts, name)
    if name == "sd2" and prediction.get("prediction_type") == "v_prediction":
        side = 768
    wanted = COMPONENTS.get(name, ("vae", "text_encoder"))
    return {
        **{key: value for key, value in usual.items() if key != "size"},
        "family": family_of(usual["pipeline"]),
        "lacks": tuple(part for part in wanted if part not in parts.components),
        "width": side,
        "height": side,
        **prediction,
        **told,
    }


def _unet(header: Header, parts: Parts) -> Kind:
    unet = parts.denoiser
    first = unet.get("input_blocks.0.0.weight") or unet.get("conv_in.weight")
    if first is None or len(first.shape) < 2:
        raise CheckpointError(f"{header.path.name} holds a UNet without its first layer: the file is not whole")
    channels = first.shape[1]
    context = next((t.shape[1] for key, t in unet.items() if "attn2.to_k.weight" in key and len(t.shape) > 1), None)
    name = _unet_family(unet, context, parts)
    kinds = {
        "sd15": {4: "sd15", 8: "instruct-pix2pix", 9: "sd15-inpainting"},
        "sd2": {4: "sd2", 5: "sd2-depth", 9: "sd2-inpainting"},
        "sdxl": {4: "sdxl", 8: "sdxl-instruct-pix2pix", 9: "sdxl-inpainting"},
        "sdxl-refiner": {4: "sdxl-refiner"},
    }[name]
    if channels not in kinds:
        words = {7: "an upscaler", 5: "a depth model"}.get(channels, "of a kind that is not known")
        raise CheckpointError(
            f"{header.path.name} holds a UNet of {KINDS[name]['title'].removeprefix('a ')}'s make with {channels} "
            f"input channels: {words}, which is not supported"
        )
    extra = _counted_encoders(name, parts)
    return {"kind": kinds[channels], "channels": channels, "context": context, **extra}


def _counted_encoders(name: str, parts: Parts) -> Kind:
    """A refiner's only encoder stands in the place of the second one."""
    if name != "sdxl-refiner" or "text_encoder" not in parts.components:
        return {}
    present = {"text_encoder_2" if part == "text_encoder" else part for part in parts.components}
    return {"parts": tuple(present), "lacks": tuple(part for part in ("vae",) if part not in present)}


def _unet_family(unet: dict[str, TensorInfo], context: int | None, parts: Parts) -> str:
    """By the width of the text states; where it is nobody's, by the layers that only some families have."""
    labelled = any(key.startswith(("label_emb.0.", "add_embedding.")) for key in unet)
    by_width = {768: "sd15", 1024: "sd2", 2048: "sdxl", 1280: "sdxl-refiner"}.get(context or 0)
    if by_width and labelled == by_width.startswith("sdxl"):
        return by_width
    openclip = "model.token_embedding.weight"
    if labelled:
        if by_width == "sd2":
            raise CheckpointError("the file is a Stable Diffusion 2 unCLIP model, which is not supported")
        alone = openclip in parts.components.get("text_encoder", {})
        return "sdxl-refiner" if alone else "sdxl"
    second = openclip in parts.components.get("text_encoder", {})
    return "sd2" if second or _is_linear(unet) else "sd15"


def _is_linear(unet: dict[str, TensorInfo]) -> bool:
    return any(key.endswith(".proj_in.weight") and len(tensor.shape) == 2 for key, tensor in unet.items())


def _transformer(tensors: dict[str, TensorInfo], name: str) -> Kind:
    for kind, keys in TRANSFORMERS:
        if any(key in tensors for key in keys):
            return {"kind": kind}
    if any(key.startswith("joint_blocks.") for key in tensors) or "pos_embed.proj.weight" in tensors:
        return _sd3(tensors)
    if any(key.startswith(("single_blocks.", "single_transformer_blocks.")) for key in tensors):
        return _flux(tensors, name)
    raise CheckpointError(f"{name} holds a transformer that is not known: its first tensors are {list(tensors)[:3]}")


def _sd3(tensors: dict[str, TensorInfo]) -> Kind:
    first = tensors.get("x_embedder.proj.weight") or tensors.get("pos_embed.proj.weight")
    context = tensors.get("context_embedder.weight")
    if any(".attn2." in key for key in tensors):
        kind = "sd35-medium"
    elif any(key.endswith((".ln_q.weight", "attn.norm_q.weight")) for key in tensors):
        kind = "sd35-large"
    else:
        kind = "sd3"
    return {"kind": kind, "channels": _axis(first), "context": _axis(context)}


def _flux(tensors: dict[str, TensorInfo], name: str) -> Kind:
    first = tensors.get("img_in.weight") or tensors.get("x_embedder.weight")
    last = tensors.get("final_layer.linear.weight") or tensors.get("proj_out.weight")
    if first is None or last is None or len(first.shape) != 2:
        raise CheckpointError(f"{name} holds a transformer like FLUX without its first or last layer: it is not whole")
    guided = any(key.startswith(("guidance_in.", "time_text_embed.guidance_embedder.")) for key in tensors)
    taken, drawn = first.shape[1], last.shape[0]
    kind = "flux-dev" if guided else "flux-schnell"
    if taken == 6 * drawn:  # latents, masked latents and an 8x8 mask for each of them
        kind = "flux-fill"
    elif taken == 2 * drawn:
        kind = "flux-control"
    context = tensors.get("txt_in.weight") or tensors.get("context_embedder.weight")
    return {"kind": kind, "channels": taken, "context": _axis(context)}


def _axis(tensor: TensorInfo | None) -> int | None:
    return tensor.shape[1] if tensor is not None and len(tensor.shape) > 1 else None
