"""Calls of one signature are those that one graph answers, whatever their numbers and rows."""

from __future__ import annotations

import pytest
import torch

from worker.backends.graphs import parts_of
from worker.backends.signatures import NotPlainError, describe, filled


def test_numbers_rows_and_a_shared_timestep_do_not_matter() -> None:
    # Given calls of one row with a step for all, and of three rows with a step each
    one = describe({"sample": torch.zeros(1, 4, 8, 8), "timestep": torch.tensor(7), "cross_attention_kwargs": None})
    three = describe(
        {"sample": torch.ones(3, 4, 8, 8), "timestep": torch.tensor([1, 2, 3]), "cross_attention_kwargs": None}
    )
    # Then they look alike
    assert one.signature == three.signature
    assert (one.rows, three.rows) == (1, 3)
    assert three.signature.part(three.tensors, 1, 2)[1].tolist() == [2.0, 3.0]


@pytest.mark.parametrize(
    "changed",
    [
        {"sample": torch.zeros(1, 4, 16, 8)},
        {"sample": torch.zeros(1, 4, 8, 8, dtype=torch.int64)},
        {"guess_mode": True},
        {"added_cond_kwargs": {"time_ids": torch.zeros(1, 6)}},
    ],
)
def test_shapes_kinds_and_other_arguments_do(changed: dict[str, object]) -> None:
    plain = {"sample": torch.zeros(1, 4, 8, 8), "guess_mode": False}
    assert describe(plain).signature != describe({**plain, **changed}).signature


def test_a_grid_without_rows_stays_whole() -> None:
    # Given a grid of as many positions as there are rows
    call = describe({"hidden_states": torch.zeros(2, 5, 8), "img_ids": torch.zeros(2, 3)})
    # Then cutting the rows leaves it
    hidden, grid = call.signature.part(call.tensors, 0, 1)
    assert hidden.shape[0] == 1
    assert grid.shape[0] == 2


def test_arguments_come_back_as_they_were() -> None:
    # Given nested arguments
    arguments = {"sample": torch.ones(2, 3), "more": {"a": [torch.zeros(2, 1), 3], "b": (None, "x")}}
    call = describe(arguments)
    # Then filling the layout gives them back
    back = filled(call.signature.layout, call.tensors)
    assert back["more"]["a"][1] == 3
    assert back["more"]["b"] == (None, "x")
    assert torch.equal(back["more"]["a"][0], torch.zeros(2, 1))


@pytest.mark.parametrize(
    "arguments",
    [{"sample": torch.zeros(1, 4, 8, 8), "x": object()}, {"sample": torch.zeros(1, 4).half()}, {"scale": 1.0}],
)
def test_what_no_graph_takes_is_told(arguments: dict[str, object]) -> None:
    with pytest.raises(NotPlainError):
        describe(arguments)


@pytest.mark.parametrize(
    ("rows", "sizes", "parts"),
    [
        (13, (8, 4, 2, 1), [8, 4, 1]),
        (32, (8, 4, 2, 1), [8, 8, 8, 8]),
        (3, (1,), [1, 1, 1]),
        (4, (1,), [1, 1, 1, 1]),
        (3, (2,), []),
        (5, (), []),
    ],
)
def test_rows_are_cut_into_parts(rows: int, sizes: tuple[int, ...], parts: list[int]) -> None:
    assert parts_of(rows, sizes) == parts
