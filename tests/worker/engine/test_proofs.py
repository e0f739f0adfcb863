"""Proof before trust: a kind of calls is merged for good only where merged and alone came out the same."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from worker.engine.calls import Call
from worker.engine.proofs import Proofs


class Counted:
    """A function that notes how many rows each of its runs had."""

    def __init__(self, compute: Any) -> None:
        self.rows: list[int] = []
        self._compute = compute

    def __call__(self, **arguments: Any) -> Any:
        first = next(iter(arguments.values()))
        self.rows.append(len(first))
        return self._compute(**arguments)

    __name__ = "counted"


def row_by_row(sample: torch.Tensor) -> torch.Tensor:
    return sample * 2


def by_the_batch(sample: torch.Tensor) -> torch.Tensor:
    """What a neighbour is changes the output."""
    return sample - sample.mean()


def sum_over_text(hidden_states: torch.Tensor, encoder_hidden_states: torch.Tensor, mask: Any) -> torch.Tensor:
    kept = encoder_hidden_states if mask is None else encoder_hidden_states * mask[..., None]
    return hidden_states + kept.sum(dim=(1, 2), keepdim=True)


def calls_of(function: Any, seeds: range, shape: tuple[int, ...] = (1, 4)) -> list[Call]:
    return [
        Call(function, {"sample": torch.randn(shape, generator=torch.Generator().manual_seed(seed))}) for seed in seeds
    ]


def test_a_kind_is_compared_once_and_merged_from_then_on() -> None:
    # Given
    function, proofs = Counted(row_by_row), Proofs()
    # When three calls run together, twice
    for _ in range(2):
        calls = calls_of(function, range(3))
        outputs = proofs.run(calls)
        # Then each has its own output
        for call, output in zip(calls, outputs, strict=True):
            assert torch.equal(output, call.arguments["sample"] * 2)
    # And the first and the last ran alone the first time only
    assert function.rows == [3, 1, 1, 3]
    assert len({proofs.key(call) for call in calls_of(function, range(3))}) == 1


def test_a_kind_that_comes_out_otherwise_is_never_merged_again() -> None:
    function, proofs = Counted(by_the_batch), Proofs()
    calls = calls_of(function, range(3))
    assert len({proofs.key(call) for call in calls}) == 1

    outputs = proofs.run(calls)

    for call, output in zip(calls, outputs, strict=True):
        assert torch.equal(output, by_the_batch(call.arguments["sample"]))
    again = calls_of(function, range(3, 6))
    assert len({proofs.key(call) for call in again}) == 3
    # And calls of another shape are another kind
    assert len({proofs.key(call) for call in calls_of(function, range(3), (1, 6))}) == 1


def test_a_kind_that_raises_when_merged_runs_alone() -> None:
    def one_at_a_time(sample: torch.Tensor) -> torch.Tensor:
        if len(sample) > 1:
            raise ValueError("one row, please")
        return sample + 1

    proofs = Proofs()
    calls = calls_of(one_at_a_time, range(2))
    outputs = proofs.run(calls)
    assert all(torch.equal(output, call.arguments["sample"] + 1) for call, output in zip(calls, outputs, strict=True))
    assert proofs.key(calls[0]) != proofs.key(calls[1])


def test_what_a_call_alone_raises_is_raised_and_condemns_no_kind() -> None:
    def picky(sample: torch.Tensor) -> torch.Tensor:
        raise ValueError("not this one")

    proofs = Proofs()
    calls = calls_of(picky, range(2))
    with pytest.raises(ValueError, match="not this one"):
        proofs.run(calls)
    assert proofs.key(calls[0]) == proofs.key(calls[1])


def texts(mask: bool, *lengths: int) -> list[Call]:
    calls = []
    for length in lengths:
        arguments: dict[str, Any] = {
            "hidden_states": torch.ones(1, 2, 2),
            "encoder_hidden_states": torch.full((1, length, 3), float(length)),
            "encoder_hidden_states_mask": torch.ones(1, length, dtype=torch.bool) if mask else None,
        }
        calls.append(Call(masked, arguments))
    return calls


def masked(
    hidden_states: torch.Tensor, encoder_hidden_states: torch.Tensor, encoder_hidden_states_mask: Any
) -> torch.Tensor:
    return sum_over_text(hidden_states, encoder_hidden_states, encoder_hidden_states_mask)


@pytest.mark.parametrize("mask", [True, False])
def test_texts_of_other_lengths_share_a_forward_where_the_model_takes_a_mask(mask: bool) -> None:
    # Given prompts of 2, 5 and 3 tokens, whose masks are there or left out since every token counts
    proofs, calls = Proofs(), texts(mask, 2, 5, 3)
    assert len({proofs.key(call) for call in calls}) == 1
    # When
    outputs = proofs.run(calls)
    # Then
    for call, output in zip(calls, outputs, strict=True):
        assert torch.allclose(output, call.run())
    assert len({proofs.key(call) for call in texts(mask, 4, 9)}) == 1


def test_where_filling_up_changes_the_output_only_equal_lengths_are_merged() -> None:
    def positions_from_the_end(
        hidden_states: torch.Tensor, encoder_hidden_states: torch.Tensor, encoder_hidden_states_mask: Any
    ) -> torch.Tensor:
        return hidden_states * encoder_hidden_states[:, -1:, :2]

    def some(*lengths: int) -> list[Call]:
        return [Call(positions_from_the_end, call.arguments) for call in texts(True, *lengths)]

    proofs, calls = Proofs(), some(2, 5)
    outputs = proofs.run(calls)
    assert all(torch.equal(output, call.run()) for call, output in zip(calls, outputs, strict=True))
    assert [len({proofs.key(call) for call in some(*lengths)}) for lengths in ((2, 5), (3, 3))] == [2, 1]


def test_lists_with_a_tensor_a_row_are_joined_and_cut() -> None:
    # Given a model that takes lists, of pictures and of texts of any length, as Z-Image's does
    runs: list[int] = []

    def lists(x: list[torch.Tensor], t: torch.Tensor, cap_feats: list[torch.Tensor]) -> tuple[list[torch.Tensor]]:
        runs.append(len(x))
        return ([one * time + text.sum() for one, time, text in zip(x, t, cap_feats, strict=True)],)

    def call(value: float, length: int, rows: int = 1) -> Call:
        return Call(
            lists,
            {
                "x": [torch.full((4, 1, 2, 2), value)] * rows,
                "t": torch.full((rows,), value),
                "cap_feats": [torch.ones(length, 3)] * rows,
            },
        )

    proofs, calls = Proofs(), [call(1.0, 2, rows=2), call(2.0, 5)]
    assert [each.rows for each in calls] == [2, 1]
    # When
    outputs = proofs.run(calls)
    # Then
    assert runs == [3, 2, 1]
    assert [len(output[0]) for output in outputs] == [2, 1]
    assert torch.equal(outputs[1][0][0], torch.full((4, 1, 2, 2), 2.0 * 2.0 + 15))


def test_what_layers_made_of_every_row_is_joined_along_its_rows() -> None:
    def last_layer(hidden_states: torch.Tensor, layers: torch.Tensor) -> torch.Tensor:
        return hidden_states + layers[-1].mean(dim=1)

    calls = [
        Call(last_layer, {"hidden_states": torch.zeros(1, 2), "layers": torch.full((3, 1, 4, 2), value)})
        for value in (1.0, 2.0)
    ]
    outputs = Proofs().run(calls)
    assert [float(output.mean()) for output in outputs] == [1.0, 2.0]
