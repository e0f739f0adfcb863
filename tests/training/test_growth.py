"""A UNet that learned something keeps it when it gets a level more."""

from __future__ import annotations

import torch
from diffusers import UNet2DConditionModel

from training import diffusion, growth


def answer(unet: UNet2DConditionModel, side: int, states: torch.Tensor) -> torch.Tensor:
    latents = torch.randn(2, 4, side, side, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        answered: torch.Tensor = unet.eval()(latents, torch.tensor([10, 900]), states, return_dict=False)[0]
    return answered


def test_the_prompt_reaches_every_place_of_the_picture() -> None:
    torch.manual_seed(1)
    unet = diffusion.build_unet(diffusion.WHOLE)
    states = torch.randn(2, 24, 384)
    assert (answer(unet, 32, states) != answer(unet, 32, states.flip(0))).all(dim=1).all()


def test_the_inner_unet_works_on_inside_the_whole_one() -> None:
    # Given
    torch.manual_seed(1)
    inner = diffusion.build_unet(diffusion.INNER)

    # When
    whole = growth.grow(inner)

    # Then all of it is there, one level deeper
    state = whole.state_dict()
    moved = {key: value for key, value in inner.state_dict().items() if not key.startswith(growth.ENDS)}
    assert all(torch.equal(state[growth.shift_level(key)], value) for key, value in moved.items())
    assert len(whole.down_blocks) == len(inner.down_blocks) + 1
    assert answer(whole, 32, torch.randn(2, 24, 384)).shape == (2, 4, 32, 32)
