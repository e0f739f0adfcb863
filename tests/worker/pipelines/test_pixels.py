"""What leaves a pipeline is 8-bit pixels, or a failure: never a picture of nothing."""

from __future__ import annotations

import pytest
import torch
from diffusers.models.autoencoders.vae import DecoderOutput

from core.errors import JobFailure
from worker.pipelines.pixels import is_picture, to_pixels


def test_pixels_are_rounded_as_diffusers_rounds_them() -> None:
    image = torch.tensor([[[0.0, 0.5, 1.0, 0.1]]] * 3).unsqueeze(0)
    assert to_pixels(image)[0, :, 0].tolist() == [0, 128, 255, 26]


def test_half_precision_images_become_pixels_too() -> None:
    pixels = to_pixels(torch.rand(1, 3, 4, 6).half())
    assert pixels.shape == (4, 6, 3)
    assert pixels.dtype == torch.uint8


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, 0.7])
def test_an_image_of_nothing_is_a_failure(value: float) -> None:
    with pytest.raises(JobFailure) as failure:
        to_pixels(torch.full((1, 3, 4, 4), value))
    assert failure.value.code == "nan_output"


@pytest.mark.parametrize(
    ("sample", "picture"),
    [
        (torch.linspace(-1, 1, 48).reshape(1, 3, 4, 4), True),
        (torch.full((1, 3, 4, 4), 0.3), False),
        (torch.tensor([0.1, 0.5, -0.9]).reshape(1, 3, 1, 1).expand(1, 3, 4, 4), False),
        (torch.full((1, 3, 4, 4), float("nan")), False),
    ],
)
def test_one_flat_colour_or_no_numbers_are_no_picture(sample: torch.Tensor, picture: bool) -> None:
    assert is_picture((sample,)) is picture
    assert is_picture(DecoderOutput(sample=sample)) is picture


def test_one_pixel_without_a_number_spoils_the_picture() -> None:
    sample = torch.linspace(-1, 1, 48).reshape(1, 3, 4, 4)
    sample[0, 1, 2, 3] = float("inf")
    assert not is_picture((sample,))
