"""What a tiled request changes of the calls of its modules."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

from core.errors import JobFailure
from tests.worker.engine.drawings import a_request
from worker.pipelines.estimates import LastStep
from worker.pipelines.tiling import Tiled, continued, cropped, inside

WIDE = a_request("flux", width=96, height=64, tiling=True)


class SomeTransformer(torch.nn.Module):
    config = SimpleNamespace(patch_size=2)


def tiled(steps: int = 4, to_run: int = 4, taken: int = 2) -> Tiled:
    pipeline = SimpleNamespace(
        scheduler=SimpleNamespace(timesteps=torch.arange(steps)), num_timesteps=to_run, vae_scale_factor=8
    )
    last_step = LastStep()
    last_step.taken = taken
    return Tiled(pipeline, WIDE, last_step)


@pytest.mark.parametrize(
    ("steps", "to_run", "taken", "wraps"),
    [(4, 4, 1, False), (4, 4, 2, True), (5, 5, 2, True), (1, 1, 0, True), (10, 6, 0, False), (10, 5, 0, True)],
)
def test_edges_go_once_half_of_the_noise_schedule_lies_behind(steps: int, to_run: int, taken: int, wraps: bool) -> None:
    """What a picture that is drawn over leaves out of it counts."""
    assert tiled(steps, to_run, taken).wraps() is wraps


@pytest.mark.parametrize("shape", [(2, 16, 8, 12), (2, 16, 1, 8, 12), (2, 24, 64), (2, 30, 64)])
def test_what_comes_back_of_a_transformer_lies_where_it_was_asked(shape: tuple[int, ...]) -> None:
    """Latents on a grid, frames, packed ones, and packed ones with six tokens of another picture behind them."""
    change, module, latents = tiled(), SomeTransformer(), torch.randn(shape)
    asked = change.asked("transformer", module, {"hidden_states": latents, "timestep": torch.ones(2)})
    assert not torch.equal(asked["hidden_states"], latents)
    (back,) = change.answered("transformer", module, (asked["hidden_states"],))
    assert torch.equal(back, latents)
    if shape[1] == 30:
        assert torch.equal(asked["hidden_states"][:, 24:], latents[:, 24:])


def test_every_step_has_another_offset_and_a_net_beside_it_the_same() -> None:
    latents, module = torch.arange(24.0).reshape(1, 24, 1), SomeTransformer()

    def asked(taken: int, name: str, argument: str) -> torch.Tensor:
        moved: torch.Tensor = tiled(taken=taken).asked(name, module, {argument: latents})[argument]
        return moved

    second, third = asked(2, "transformer", "hidden_states"), asked(3, "transformer", "hidden_states")
    assert not torch.equal(second, third)
    assert torch.equal(second, asked(2, "controlnet", "controlnet_cond"))
    # Rows of the grid stay rows: four high and six wide
    assert {tuple(sorted(row.tolist())) for row in second.reshape(4, 6)} == {
        tuple(float(row * 6 + column) for column in range(6)) for row in range(4)
    }


@pytest.mark.parametrize("shape", [(1, 16, 12, 8), (1, 8, 12, 16), (1, 5, 64)])
def test_latents_of_a_form_that_is_not_known_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(JobFailure, match="cannot tile: the grid of its latents is not known") as refused:
        tiled().asked("transformer", SomeTransformer(), {"hidden_states": torch.randn(shape)})
    assert refused.value.code == "tiling_not_possible"


def test_an_autoencoder_sees_a_picture_that_goes_on() -> None:
    seen: list[Any] = []

    def decode(latents: torch.Tensor) -> tuple[torch.Tensor]:
        seen.append(latents)
        return (latents.repeat_interleave(8, dim=-1).repeat_interleave(8, dim=-2),)

    latents = torch.randn(1, 4, 8, 12)
    (picture,) = tiled().decoded(decode, latents)
    assert picture.shape[-2:] == (64, 96)
    assert torch.equal(picture[..., ::8, ::8], latents)
    assert torch.equal(seen[0][..., 8:16, 20:28], latents[..., :8])


def test_what_is_encoded_is_cut_where_its_samples_come_from() -> None:
    # Given a distribution whose samples are somebody's own
    parameters = torch.randn(1, 8, 6, 6)
    distribution = DiagonalGaussianDistribution(continued(parameters, 2))
    draw = distribution.sample
    distribution.sample = lambda generator=None: draw(torch.Generator().manual_seed(3))  # type: ignore[method-assign]
    # When it is cropped
    (output,) = cropped((distribution,), 2)
    # Then they are those of the picture alone
    expected = DiagonalGaussianDistribution(parameters).sample(torch.Generator().manual_seed(3))
    assert torch.equal(output.sample(), expected)
    assert torch.equal(inside(continued(parameters, 3), 3), parameters)
