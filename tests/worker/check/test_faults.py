"""Pictures that people would call wrong are told, and others are not."""

from __future__ import annotations

import pytest
import torch

from worker.check.faults import faults_of

SIZE = (64, 48)


def noise(seed: int, low: int = 0, high: int = 256) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, (48, 64, 3), generator=generator, dtype=torch.uint8)


def test_pictures_that_differ_are_good() -> None:
    assert faults_of([noise(1), noise(2, 100, 140)], SIZE) == []


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (torch.full((48, 64, 3), 127, dtype=torch.uint8), "flat"),
        (noise(3, 127, 129), "flat"),
        (torch.where(noise(3) > 127, 255, 0).to(torch.uint8), "burned"),
        (noise(3)[:32], "is 64x32, and 64x48 was asked for"),
    ],
)
def test_others_are_told(picture: torch.Tensor, said: str) -> None:
    found = faults_of([noise(1), picture], SIZE)
    assert len(found) == 1
    assert said in found[0]


def test_seeds_that_change_nothing_are_told() -> None:
    assert faults_of([noise(1), noise(1)], SIZE) == ["every seed draws the same picture"]
