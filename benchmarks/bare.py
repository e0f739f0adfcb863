"""The bare modules of a model, each called with as many rows of the usual size: what no server can do without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.workloads import Workload, told

TIMESTEP: Final = 500.0


@dataclass(frozen=True)
class Bare:
    """A forward each of the bare text encoder, denoiser and decoder, of `rows` rows of the usual size."""

    rows: int
    encode: Callable[[], Any]
    denoise: Callable[[], Any]
    decode: Callable[[], Any]


def bare(work: Workload, rows: int) -> Bare:
    pipeline = work.models.get(work.usual.model).pipeline
    side = pipeline.vae_scale_factor
    weight = next(pipeline.unet.parameters())
    channels = pipeline.unet.config.in_channels
    latents = torch.randn(rows, channels, told(work.usual).height // side, told(work.usual).width // side).to(weight)
    tokens = pipeline.tokenizer.model_max_length
    words = torch.zeros(rows, tokens, dtype=torch.long, device=weight.device)
    text = torch.randn(rows, tokens, pipeline.unet.config.cross_attention_dim).to(weight)
    steps = torch.full((rows,), TIMESTEP, device=weight.device)
    return Bare(
        rows,
        encode=lambda: pipeline.text_encoder(words),
        denoise=lambda: pipeline.unet(latents, steps, encoder_hidden_states=text, return_dict=False),
        decode=lambda: pipeline.vae.decode(latents, return_dict=False),
    )


@torch.enable_grad()  # with which no backend but torch answers: it counts what torch is asked for
def flops_of(forward: Callable[[], Any]) -> int:
    """Floating-point operations of one call, a multiplication and an addition counted as two.

    Matrix products, convolutions and attention, as `torch.utils.flop_counter` counts them: fused attention kernels of
    the CPU it does not know, so attention is computed in products meanwhile.
    """
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        forward()
    return int(counter.get_total_flops())
