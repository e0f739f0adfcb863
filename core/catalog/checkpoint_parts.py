"""Splits the tensors of a single file into a model's components, in the original layout or diffusers' own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Layout = Literal["original", "diffusers"]

Tensors = dict[str, Any]
"""Tensors, or what is told of them, by name."""

ORIGINAL: Final = (
    ("denoiser", "model.diffusion_model."),
    ("vae", "first_stage_model."),
    ("text", "cond_stage_model."),
    ("text", "conditioner.embedders."),
    ("text", "text_encoders."),
)
"""The prefixes of the original layout and their components; text encoders are told apart by what follows."""

DIFFUSERS: Final = ("unet.", "transformer.", "vae.", "text_encoder.", "text_encoder_2.", "text_encoder_3.")

EMA: Final = "model_ema."

MARKERS: Final = frozenset({"v_pred", "ztsnr", "edm_mean", "edm_std", "edm_vpred.sigma_max", "edm_vpred.sigma_min"})
"""Tensors that fine-tunes leave in a file to say how they were trained."""

CLIPS: Final = "text_encoders.clip_"

NOISE_SCHEDULE: Final = re.compile(
    r"^(alphas_|betas$|sqrt_|log_one_minus|posterior_|logvar$|lvlb_weights$|scale_factor$|denoiser\.|model_ema\.(decay|num_updates)$"
    r"|noise_augmentor\.|depth_model\.|embedder\.|global_step$)"
)
"""Numbers of the original trainer's that no pipeline needs."""

DENOISER_BEGINNINGS: Final = (
    "input_blocks.0.", "down_blocks.0.", "joint_blocks.0.", "double_blocks.0.", "single_blocks.0.",
    "transformer_blocks.0.", "single_transformer_blocks.0.", "layers.0.", "double_layers.0.", "blocks.0.",
    "double_stream_blocks.0.",
)  # fmt: skip

ADAPTER: Final = re.compile(r"^control_model\.|controlnet|input_hint_block|^ip_adapter\.|^control_")


@dataclass(frozen=True, slots=True)
class Parts:
    """The tensors of each component, without their prefix, by diffusers' names (`unet`, `vae`, `text_encoder_2`, …).

    `markers` are the names of tensors that say how the model was trained; `extra` is what else there is, in words;
    `unknown` are names that belong to no component.
    """

    layout: Layout = "original"
    components: dict[str, Tensors] = field(default_factory=dict)
    markers: frozenset[str] = frozenset()
    extra: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def denoiser(self) -> Tensors:
        """The tensors of the UNet or transformer, empty where there is none."""
        return self.components.get("unet") or self.components.get("transformer") or {}


def split(tensors: Tensors) -> Parts:
    """The components in `tensors`. What is no whole model (a LoRA, a bare autoencoder) has none."""
    markers = frozenset(tensors.keys() & MARKERS)
    rest = {key: tensor for key, tensor in tensors.items() if key not in MARKERS}
    original = any(key.startswith(tuple(prefix for _, prefix in ORIGINAL)) for key in rest)
    known = _original(rest) if original else _diffusers(rest)
    used = {key for _, names in known for key in names}
    components: dict[str, Tensors] = {}
    for name, names in known:
        components.setdefault(name, {}).update({short: rest[key] for key, short in names.items()})
    ema = [key for key in rest if key.startswith(EMA)]
    left = [key for key in rest if key not in used and key not in ema and not NOISE_SCHEDULE.match(key)]
    extra = [f"EMA weights beside ({len(ema)} tensors, not used)"] if len(ema) > 2 else []
    if components and left:
        extra.append(f"{len(left)} tensors that no component takes, such as '{left[0][:60]}'")
    if markers:
        extra.append(f"marked {', '.join(sorted(markers))}")
    layout: Layout = "original" if original or _is_original(components) else "diffusers"
    return Parts(layout, components, markers, tuple(extra), tuple(left))


def _original(tensors: Tensors) -> list[tuple[str, dict[str, str]]]:
    found: dict[str, dict[str, str]] = {}
    for key in tensors:
        for part, prefix in (*ORIGINAL, ("vae", "vae.")):
            if key.startswith(prefix):
                short = key[len(prefix) :]
                if part == "text" and prefix != "cond_stage_model.":  # which of them follows
                    short = short.partition(".")[2]
                found.setdefault(part if part != "text" else _encoder(key), {})[key] = short
    if not any(key.endswith("weight") for key in found.get("denoiser", {})):
        found.pop("denoiser", None)
    denoiser = found.pop("denoiser", {})
    named = [(_denoiser_name(denoiser.values()), denoiser)] if denoiser else []
    encoders = _numbered([name for name in found if name != "vae"])
    return [*named, *((encoders.get(name, name), names) for name, names in found.items())]


def _encoder(key: str) -> str:
    """A word for the text encoder that `key` belongs to, in the order in which pipelines number them."""
    if key.startswith("cond_stage_model."):
        return "0"
    parts = key.split(".")
    if key.startswith("conditioner."):
        return parts[2]
    return {"clip_l": "0", "clip_g": "1", "t5xxl": "2"}.get(parts[1], f"3 {parts[1]}")


def _numbered(words: list[str]) -> dict[str, str]:
    """`text_encoder`, `text_encoder_2`, … by the words of `_encoder`; the place counts, not how many there are."""
    places = {"0": "text_encoder", "1": "text_encoder_2", "2": "text_encoder_3"}
    if "1" not in words and "2" in words:  # FLUX has CLIP-L and T5 only
        places["2"] = "text_encoder_2"
    return {word: places.get(word, f"text_encoder_{word.split()[-1]}") for word in words}


def _diffusers(tensors: Tensors) -> list[tuple[str, dict[str, str]]]:
    prefixed = [prefix for prefix in DIFFUSERS if any(key.startswith(prefix) for key in tensors)]
    bare = any(key.startswith(DENOISER_BEGINNINGS) for key in tensors)
    if any(prefix in ("unet.", "transformer.") for prefix in prefixed) and not bare:
        return [
            (prefix[:-1], {key: key[len(prefix) :] for key in tensors if key.startswith(prefix)}) for prefix in prefixed
        ]
    if bare and not any(ADAPTER.search(key) for key in tensors):
        return [(_denoiser_name(tensors), {key: key for key in tensors})]
    comfy = "diffusion_model."
    if any(key.startswith(comfy) for key in tensors):
        names = {key: key[len(comfy) :] for key in tensors if key.startswith(comfy)}
        return [(_denoiser_name(names.values()), names)]
    return []


def _denoiser_name(names: Any) -> str:  # noqa: ANN401 - an iterable of strings
    return "unet" if any(name.startswith(("input_blocks.", "down_blocks.")) for name in names) else "transformer"


def _is_original(components: dict[str, Tensors]) -> bool:
    denoiser = components.get("unet") or components.get("transformer") or {}
    return any(key.startswith(("input_blocks.", "joint_blocks.", "double_blocks.")) for key in denoiser)
