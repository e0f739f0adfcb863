"""Tells what a file's model predicts, noise or velocity: from markers, metadata, and one small tensor."""

from __future__ import annotations

import struct
from statistics import pstdev
from typing import Any, Final

from core.catalog.checkpoint_header import Header
from core.catalog.checkpoint_parts import Parts

VELOCITY: Final = "v_prediction"

TELLING: Final = (
    "output_blocks.11.1.transformer_blocks.0.norm1.bias",
    "up_blocks.3.attentions.2.transformer_blocks.0.norm1.bias",
)
"""A bias of SD 2's last attention, spread wider in models that predict velocity (ComfyUI, supported_models.py)."""

SPREAD: Final = 0.09


def prediction_of(header: Header, parts: Parts, kind: str) -> dict[str, Any]:
    """`prediction_type`, `zero_snr` and `scheduler_config` of a row; nothing for models of flow matching."""
    if not kind.startswith(("sd15", "sd2", "sdxl", "instruct")):
        return {}
    said = header.metadata.get("modelspec.prediction_type", "")
    zero = "ztsnr" in parts.markers
    velocity = bool(parts.markers & {"v_pred"}) or said == "v" or (kind == "sd2" and _spread(header, parts) > SPREAD)
    if "edm_vpred.sigma_max" in parts.markers or "edm_mean" in parts.markers:
        return {"refusal": "it was trained with EDM noise levels, which single files are not loaded with"}
    config: dict[str, Any] = {}
    if velocity:
        config["prediction_type"] = VELOCITY
    if zero:
        config |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    kinds = {True: VELOCITY, False: "epsilon"}
    return {"prediction_type": kinds[velocity], "zero_snr": zero, "scheduler_config": config}


def _spread(header: Header, parts: Parts) -> float:
    whole = {key for key in header.tensors if key.endswith(TELLING)}
    if len(whole) != 1 or "unet" not in parts.components:
        return 0.0
    name = whole.pop()
    dtype, raw = header.tensors[name].dtype, header.values(name)
    if dtype == "BF16":
        raw, dtype = b"".join(b"\0\0" + raw[at : at + 2] for at in range(0, len(raw), 2)), "F32"
    code = {"F32": "f", "F16": "e"}.get(dtype)
    if code is None:
        return 0.0
    values: tuple[float, ...] = struct.unpack(f"<{len(raw) // struct.calcsize(code)}{code}", raw)
    return float(pstdev(values or (0.0,)))
