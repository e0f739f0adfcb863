"""Compact networks: their shape is told by their weights."""

from __future__ import annotations

import pytest
import torch

from worker.nets.compact import Compact


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_its_shape_is_told_by_its_weights(scale: int) -> None:
    torch.manual_seed(1)
    net, pixels = Compact(6, 3, scale), torch.rand(2, 3, 7, 5)
    again = Compact.of(net.state_dict())
    assert (again.scale, again.margin, again(pixels).shape) == (scale, 5, (2, 3, 7 * scale, 5 * scale))
    assert torch.equal(again(pixels), net(pixels))


def test_it_looks_no_farther_than_its_margin() -> None:
    # Given two pictures that differ in one pixel
    torch.manual_seed(1)
    net, pixels = Compact(6, 3, 2), torch.rand(1, 3, 31, 31)
    other = pixels.clone()
    other[..., 15, 15] += 0.5
    # When both are enlarged
    changed = (net(pixels) != net(other)).any(dim=1)[0].nonzero()
    # Then nothing is another one beyond the margin
    assert changed.numel()
    assert int((changed // 2 - 15).abs().max()) <= net.margin
