"""A convolution continues some rows round and fills the others with zeros."""

from __future__ import annotations

import pytest
import torch

from worker.pipelines.row_padding import WRAPPED_ROWS, RowPadding, let_rows_wrap, padded, padding_of, wrapping

ROWS = torch.randn(3, 2, 6, 5, generator=torch.Generator().manual_seed(1))


def a_net() -> torch.nn.Module:
    torch.manual_seed(2)
    return torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding=1), torch.nn.SiLU(), torch.nn.Conv2d(4, 2, 3, padding=1)
    )


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = a_net()

    def forward(self, sample: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.net(sample)
        return made


def test_a_wrapped_row_has_no_edge_and_the_others_have_theirs() -> None:
    # Given a net of two convolutions, and what it makes of rows as it is
    net = Net()
    with torch.no_grad():
        usual = net(ROWS)
        let_rows_wrap(net)

        # When one row of three is wrapped
        with wrapping([net], lambda: True):
            mixed = net.forward(ROWS, **{WRAPPED_ROWS: torch.tensor([False, True, False])})
            turned = net(torch.roll(ROWS, (2, -1), (2, 3)))

    # Then that one is the same wherever it begins, and the others are as they were
    assert torch.allclose(mixed[[0, 2]], usual[[0, 2]], atol=1e-6)
    assert torch.allclose(torch.roll(mixed[1], (2, -1), (1, 2)), turned[1], atol=1e-6)
    assert not torch.allclose(mixed[1], usual[1], atol=1e-3)


def test_calls_say_nothing_of_it_while_nobody_wraps() -> None:
    net, seen = Net(), []
    let_rows_wrap(net)
    net.register_forward_pre_hook(lambda module, args, kwargs: seen.append(kwargs), with_kwargs=True)
    with torch.no_grad():
        net(ROWS)
        with wrapping([net], lambda: False):
            net(ROWS)
        net(ROWS)
    assert [WRAPPED_ROWS in kwargs for kwargs in seen] == [False, True, False]
    assert not seen[1][WRAPPED_ROWS].any()


def test_one_that_is_called_alone_passes_nothing_on_and_forgets() -> None:
    net = Net()
    with torch.no_grad():
        usual = net(ROWS)
        let_rows_wrap(net, alone=True)
        with wrapping([net], lambda: True):
            assert not torch.allclose(net(ROWS), usual, atol=1e-3)
            # Even where a call fails
            with pytest.raises(RuntimeError):
                net(ROWS[:, :1])
        found = padding_of(net)
        assert isinstance(found, RowPadding)
        assert found.rows == ()
        assert torch.equal(net(ROWS), usual)


def test_rows_that_another_axis_is_folded_into() -> None:
    folded = padded(ROWS.repeat_interleave(2, dim=0), (1, 1), (True, False, False))
    assert torch.equal(folded[1, :, 0, 1:-1], ROWS[0, :, -1])
    assert not folded[2, :, 0].any()
