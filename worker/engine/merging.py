"""Several parked calls as one along the batch axis, and its output cut back into one for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch.utils import _pytree as pytree

from worker.engine.calls import (
    Call,
    RowList,
    has_batch_axis,
    has_layers_first,
    is_list_of_tensors,
    is_timestep,
    rebuilt,
    timestep_dtype,
)


def merge(calls: Sequence[Call], pad_to: int = 0) -> Call:
    """One call with the rows of all of `calls`, which must have equal keys, in their order.

    Its first row is repeated at the end until there are `pad_to` rows.
    """
    calls = with_residuals(with_even_texts(calls))
    first, rows = calls[0], [call.rows for call in calls]
    padding = max(0, pad_to - sum(rows))
    columns = zip(*(call.leaves for call in calls), strict=True)
    leaves = iter([merge_leaf(column[0][0], [leaf for _, leaf in column], rows, padding) for column in columns])
    arguments = {
        name: next(leaves) if name in first.row_lists else rebuilt(value, leaves)
        for name, value in first.arguments.items()
    }
    return Call(first.function, arguments)


def with_even_texts(calls: Sequence[Call]) -> Sequence[Call]:
    """`calls` with masked texts of one length: the shorter ones get tokens that their masks leave out."""
    masks = calls[0].masks
    if all(call.key == calls[0].key for call in calls[1:]):
        return calls
    changes: list[dict[str, torch.Tensor]] = [{} for _ in calls]
    for name, mask in masks.items():
        length = max(call.arguments[name].shape[1] for call in calls)
        kinds = [call.arguments[mask].dtype for call in calls if call.arguments[mask] is not None]
        for call, changed in zip(calls, changes, strict=True):
            text = call.arguments[name]
            told = call.arguments[mask]
            if told is None:
                told = torch.ones(text.shape[:2], dtype=kinds[0] if kinds else torch.bool, device=text.device)
            changed[name] = filled(text, length)
            changed[mask] = filled(told, length)
    return [Call(call.function, {**call.arguments, **changed}) for call, changed in zip(calls, changes, strict=True)]


def with_residuals(calls: Sequence[Call]) -> Sequence[Call]:
    """`calls` that all have residuals, zeros where there were none; without any where no call has some."""
    given = next((call for call in calls if call.residual_form is not None), None)
    if given is None:
        return [without(call, call.residuals) for call in calls]
    return [call if call.residual_form is not None else with_zeros(call, given) for call in calls]


def without(call: Call, names: frozenset[str]) -> Call:
    """`call` with fewer arguments."""
    if not names:
        return call
    return Call(call.function, {name: value for name, value in call.arguments.items() if name not in names})


def with_zeros(call: Call, like: Call) -> Call:
    """`call` with residuals as those of `like`, in its order, of nothing but zeros."""

    def zeros(leaf: Any) -> Any:  # noqa: ANN401 - a leaf of the residuals
        if isinstance(leaf, torch.Tensor) and len(leaf) == like.rows:
            return leaf.new_zeros(call.rows, *leaf.shape[1:])
        return leaf

    arguments = {
        name: pytree.tree_map(zeros, value) if name in like.residuals else call.arguments[name]
        for name, value in like.arguments.items()
    }
    return Call(call.function, arguments)


def filled(tensor: torch.Tensor, length: int) -> torch.Tensor:
    """`tensor` [rows, tokens, ...] with zeros behind its tokens up to `length`."""
    missing = length - tensor.shape[1]
    return torch.cat([tensor, tensor.new_zeros(tensor.shape[0], missing, *tensor.shape[2:])], dim=1)


def merge_leaf(name: str, column: Sequence[Any], rows: Sequence[int], padding: int) -> Any:  # noqa: ANN401
    """One leaf of the merged call, from the same leaf of each of the calls."""
    first = column[0]
    if isinstance(first, RowList):
        merged = [item for each in column for item in each]
        return [*merged, *merged[:1] * padding]
    if not isinstance(first, torch.Tensor):
        return first
    if is_timestep(name, first, rows[0]):
        dtype = timestep_dtype(first)
        parts = [t.to(dtype).expand(count) for t, count in zip(column, rows, strict=True)]
    elif has_batch_axis(name, first, rows[0]):
        parts = list(column)
    elif has_layers_first(name, first, rows[0]):
        return torch.cat([*column, *[first[:, :1]] * padding], dim=1)
    else:
        return first
    return torch.cat([*parts, *[parts[0][:1]] * padding])


def split(output: Any, rows: Sequence[int], padded_to: int = 0, *, in_lists: bool = False) -> list[Any]:  # noqa: ANN401
    """The output of a merged call, cut back into one output for each of the calls.

    With `in_lists` a list of as many tensors as there are rows has one of each.
    """
    total = max(sum(rows), padded_to)
    leaves, spec = pytree.tree_flatten(
        output, is_leaf=lambda part: in_lists and is_list_of_tensors(part) and len(part) == total
    )
    outputs, start = [], 0
    for count in rows:
        mine = [rows_of(leaf, start, count, total) for leaf in leaves]
        outputs.append(pytree.tree_unflatten(mine, spec))
        start += count
    return outputs


def rows_of(leaf: Any, start: int, count: int, total: int) -> Any:  # noqa: ANN401
    """`count` rows of `leaf` from row `start`; all of it where its first axis does not count the `total` rows."""
    if isinstance(leaf, list):
        return leaf[start : start + count]
    if isinstance(leaf, DiagonalGaussianDistribution):
        return DiagonalGaussianDistribution(leaf.parameters.narrow(0, start, count), leaf.deterministic)
    if isinstance(leaf, torch.Tensor) and leaf.ndim >= 1 and leaf.shape[0] == total:
        return leaf.narrow(0, start, count)
    return leaf
