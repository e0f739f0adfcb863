"""What a call looks like but for its numbers: which arguments are tensors, their shapes without rows, and the rest."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch

TIMESTEPS: Final = frozenset({"timestep", "timesteps"})
NO_ROWS: Final = frozenset({"img_ids", "txt_ids"})
"""Position grids: their first axis counts tokens and may equal the number of rows by accident."""

DTYPES: Final = (torch.float32, torch.int64, torch.int32, torch.bool)
"""What goes into a graph as it is."""


class NotPlainError(TypeError):
    """An argument is neither a tensor, nor a plain value, nor made of such."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Equal for calls that one graph can answer.

    `layout` is the arguments, nested as they came, with tensors by their place; of each tensor `shapes` has the axes
    behind the rows, or all where `has_rows` says no, and `dtypes` the kind of number.
    """

    layout: Hashable
    shapes: tuple[tuple[int, ...], ...]
    has_rows: tuple[bool, ...]
    dtypes: tuple[str, ...]

    def with_rows(self, rows: int) -> list[tuple[int, ...]]:
        """The whole shape of each tensor in a call of so many rows."""
        marked = zip(self.shapes, self.has_rows, strict=True)
        return [(rows, *shape) if has_rows else shape for shape, has_rows in marked]

    def part(self, tensors: Sequence[torch.Tensor], start: int, count: int) -> tuple[torch.Tensor, ...]:
        """The tensors of `count` rows from row `start`."""
        marked = zip(tensors, self.has_rows, strict=True)
        return tuple(tensor[start : start + count] if has_rows else tensor for tensor, has_rows in marked)


@dataclass(frozen=True, slots=True)
class Described:
    """A call: its signature, its tensors by place, and its number of rows."""

    signature: Signature
    tensors: tuple[torch.Tensor, ...]
    rows: int


def describe(arguments: dict[str, Any]) -> Described:
    """Raises NotPlainError for arguments that no graph takes."""
    found: list[tuple[str, torch.Tensor]] = []
    layout = tuple((name, _walk(name, value, found)) for name, value in arguments.items())
    rows = next((tensor.shape[0] for name, tensor in found if tensor.ndim > 1 and name not in NO_ROWS), 0)
    if not rows:
        raise NotPlainError("no argument has rows")
    tensors = tuple(_by_row(tensor, rows) if name in TIMESTEPS else tensor for name, tensor in found)
    if any(tensor.dtype not in DTYPES for tensor in tensors):
        raise NotPlainError("numbers of another kind than float32, whole ones and truth values")
    names = [name for name, _ in found]
    has_rows = tuple(
        tensor.ndim > 0 and tensor.shape[0] == rows and name not in NO_ROWS
        for name, tensor in zip(names, tensors, strict=True)
    )
    shapes = tuple(
        tuple(tensor.shape[1:] if rowed else tensor.shape) for tensor, rowed in zip(tensors, has_rows, strict=True)
    )
    return Described(Signature(layout, shapes, has_rows, tuple(str(t.dtype) for t in tensors)), tensors, rows)


def _walk(name: str, value: Any, found: list[tuple[str, torch.Tensor]]) -> Hashable:  # noqa: ANN401
    if isinstance(value, torch.Tensor):
        found.append((name, value))
        return ("tensor", len(found) - 1)
    if value is None or isinstance(value, bool | int | float | str):
        return ("value", value)
    if type(value) is dict and all(isinstance(key, str) for key in value):
        return ("dict", tuple((key, _walk(key, inner, found)) for key, inner in value.items()))
    if type(value) in (list, tuple):
        return (type(value).__name__, tuple(_walk(name, inner, found) for inner in value))
    raise NotPlainError(f"{name} is a {type(value).__name__}")


def _by_row(timestep: torch.Tensor, rows: int) -> torch.Tensor:
    """One number a row: models take it so, and whether a call has one for all says nothing of it."""
    return timestep.to(torch.float32).reshape(-1).expand(rows) if timestep.numel() in {1, rows} else timestep


def filled(layout: Any, tensors: Sequence[torch.Tensor]) -> dict[str, Any]:  # noqa: ANN401 - of a signature, or of JSON
    """The arguments of `layout` with these tensors in their places."""
    return {name: _fill(node, tensors) for name, node in layout}


def _fill(node: Any, tensors: Sequence[torch.Tensor]) -> Any:  # noqa: ANN401
    kind, content = node
    if kind == "tensor":
        return tensors[content]
    if kind == "value":
        return content
    if kind == "dict":
        return {key: _fill(inner, tensors) for key, inner in content}
    parts = [_fill(inner, tensors) for inner in content]
    return parts if kind == "list" else tuple(parts)


def parameter_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """Those that may be given by position or by name, in order."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return tuple(each.name for each in inspect.signature(function).parameters.values() if each.kind in kinds)
