"""RRDB networks: every scale, both sets of names."""

from __future__ import annotations

import pytest
import torch

from tests.network_files import older_names
from worker.nets.rrdb import RRDB


@pytest.mark.parametrize(("doublings", "folded", "scale"), [(2, 1, 4), (1, 1, 2), (3, 1, 8), (2, 2, 2), (2, 4, 1)])
def test_its_shape_is_told_by_its_weights(doublings: int, folded: int, scale: int) -> None:
    # Given a network, and a picture whose sides are no multiple of anything
    torch.manual_seed(1)
    net, pixels = RRDB(8, 2, 4, doublings, folded), torch.rand(1, 3, 13, 10)
    # When another is made of its weights alone
    again = RRDB.of(net.state_dict())
    # Then it is the same, and enlarges as it should
    assert (again.scale, again(pixels).shape) == (scale, (1, 3, 13 * scale, 10 * scale))
    assert torch.equal(again(pixels), net(pixels))


@pytest.mark.parametrize("doublings", [1, 2])
def test_files_of_its_first_implementation_are_read(doublings: int) -> None:
    torch.manual_seed(2)
    net, pixels = RRDB(8, 2, 4, doublings, 1), torch.rand(1, 3, 9, 9)
    state = older_names(net.state_dict(), 2, doublings)
    assert "model.1.sub.1.RDB3.conv5.0.weight" in state
    assert torch.equal(RRDB.of(state)(pixels), net(pixels))


def test_weights_of_another_network_do_not_fit() -> None:
    state = {**RRDB(8, 1, 4, 2, 1).state_dict(), "conv_more.weight": torch.zeros(1)}
    with pytest.raises(RuntimeError, match=r"conv_more\.weight"):
        RRDB.of(state)
