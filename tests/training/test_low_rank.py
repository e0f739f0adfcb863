"""A low-rank change is trained merged, and stock diffusers loads what is saved of it."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline

from tests import tiny_models
from training.low_rank import LowRank


def changed(unet: torch.nn.Module, rank: int = 4) -> LowRank:
    """A change of `unet` that is not nothing."""
    torch.manual_seed(0)
    change = LowRank(unet, rank)
    with torch.no_grad():
        for up in change.up:
            up.normal_(std=0.05)
    return change


def call(unet: torch.nn.Module) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    width = unet.config.cross_attention_dim  # type: ignore[union-attr]
    return (
        torch.randn(2, 4, 8, 8, generator=generator),
        torch.tensor([10, 900]),
        torch.randn(2, 7, width, generator=generator),
    )


def test_a_new_change_is_none_and_gets_gradients() -> None:
    # Given a denoiser that itself does not learn
    unet = tiny_models.sd15().unet.requires_grad_(False)
    change = LowRank(unet, 4)
    # When it is called with the change
    output = change.of(unet)(*call(unet))
    # Then nothing has changed, and the change would learn
    assert torch.allclose(output, unet(*call(unet), return_dict=False)[0], atol=1e-6)
    output.square().mean().backward()
    assert all(up.grad is not None and up.grad.abs().max() > 0 for up in change.up)


def test_stock_diffusers_draws_the_same_with_what_was_saved(tmp_path: Path) -> None:
    # Given a pipeline and a change of its denoiser, as it computes while it is trained
    pipeline: StableDiffusionPipeline = tiny_models.sd15()
    change = changed(pipeline.unet)
    with torch.no_grad():
        expected = change.of(pipeline.unet)(*call(pipeline.unet))
    # When it is saved, and loaded by its name alone
    change.save(tmp_path)
    pipeline.load_lora_weights(tmp_path)
    pipeline.fuse_lora()
    pipeline.unload_lora_weights()
    # Then the pipeline computes that, but for the half precision of the file
    with torch.no_grad():
        output = pipeline.unet(*call(pipeline.unet), return_dict=False)[0]
    assert torch.allclose(output, expected, atol=2e-3)
    assert not torch.allclose(output, tiny_models.sd15().unet(*call(pipeline.unet), return_dict=False)[0], atol=2e-2)


def test_training_goes_on_from_a_file(tmp_path: Path) -> None:
    # Given a saved change
    unet = tiny_models.sd15().unet
    change = changed(unet)
    change.save(tmp_path)
    # When another begins with it
    again = LowRank(unet, 4)
    again.load(tmp_path)
    # Then they are the same
    for one, other in zip(change.parameters(), again.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-3)
