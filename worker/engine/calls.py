"""A parked call of a module, and how several become one along the batch axis, whatever its tensors mean."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch.utils import _pytree as pytree
from torch.utils.weak import WeakIdKeyDictionary

TIMESTEPS: Final = frozenset({"timestep", "timesteps"})
NO_BATCH_AXIS: Final = frozenset({"img_ids", "txt_ids"})
"""Position grids whose first axis counts tokens; it may equal the number of rows by accident."""

DIGESTS: Final[MutableMapping[torch.Tensor, tuple[int, bytes]]] = WeakIdKeyDictionary()
"""Hashes of tensors that are compared by value, for as long as somebody holds them."""


@dataclass(eq=False)
class Call:
    """One call that waits to be run: `arguments` by parameter name; `key` is equal for calls that may be merged.

    `rows` is its length along the batch axis: 1, or 2 with classifier-free guidance. Calls with equal `reuse_key`
    have the same output. With `fixed_rows` the function wants few different numbers of rows: it is compiled for each.
    """

    function: Callable[..., Any]
    arguments: dict[str, Any]
    reuse_key: Hashable | None = None
    fixed_rows: bool = False

    @cached_property
    def leaves(self) -> list[tuple[str, Any]]:
        """Its arguments, flat, each with its path."""
        return named_leaves(self.arguments)

    @cached_property
    def rows(self) -> int:
        """The length along the batch axis; 0 where no argument has one."""
        return count_rows(self.leaves)

    @cached_property
    def cells_per_row(self) -> int:
        """Elements of one row of the tensor that leads: what memory grows with."""
        lead = leading(self.leaves)
        return 1 if lead is None else max(1, lead.numel() // max(1, lead.shape[0]))

    @cached_property
    def key(self) -> Hashable:
        """Equal for calls that one forward can answer together."""
        return (id(self.function), tuple((name, leaf_key(name, leaf, self.rows)) for name, leaf in self.leaves))

    @cached_property
    def kind(self) -> str:
        """What its time depends on, but for the number of rows, in words that mean the same after a restart."""
        module = type(getattr(self.function, "__self__", None)).__name__
        shapes = [
            f"{name}{list(leaf.shape[1:])}{str(leaf.dtype).removeprefix('torch.')}"
            for name, leaf in self.leaves
            if isinstance(leaf, torch.Tensor) and has_batch_axis(name, leaf, self.rows)
        ]
        return " ".join([f"{module}.{self.function.__name__}", *shapes])

    @property
    def device_type(self) -> str:
        """That of its first tensor: `cpu`, `cuda`."""
        return next((leaf.device.type for _, leaf in self.leaves if isinstance(leaf, torch.Tensor)), "cpu")

    def run(self) -> Any:  # noqa: ANN401 - whatever the module returns
        """Compute it."""
        return self.function(**self.arguments)


def digest(arguments: dict[str, Any]) -> Hashable:
    """Equal for equal arguments, tensors by value."""
    return tuple((name, value_key(leaf)) for name, leaf in named_leaves(arguments))


def named_leaves(arguments: dict[str, Any]) -> list[tuple[str, Any]]:
    """Every leaf of the nested arguments with the path that leads to it, as `name.key.0`."""
    return [leaf for name, value in arguments.items() for leaf in walk(name, value)]


def walk(name: str, value: Any) -> list[tuple[str, Any]]:  # noqa: ANN401
    """By hand, since it is done for every request at every step, and pytree takes ten times as long."""
    if isinstance(value, torch.Tensor):
        return [(name, value)]
    if type(value) is dict:
        return [leaf for key, inner in value.items() for leaf in walk(f"{name}.{key}", inner)]
    if type(value) in (list, tuple):
        return [leaf for index, inner in enumerate(value) for leaf in walk(f"{name}.{index}", inner)]
    return [(name, value)]


def rebuilt(value: Any, leaves: Iterator[Any]) -> Any:  # noqa: ANN401
    """`value` with its leaves, in the order of `walk`, replaced by the next ones of `leaves`."""
    if type(value) is dict:
        return {key: rebuilt(inner, leaves) for key, inner in value.items()}
    if type(value) in (list, tuple):
        return type(value)(rebuilt(inner, leaves) for inner in value)
    return next(leaves)


def parameter(name: str) -> str:
    """The parameter that the leaf at path `name` belongs to."""
    return name.partition(".")[0]


def leading(leaves: Sequence[tuple[str, Any]]) -> torch.Tensor | None:
    """The first tensor of two axes or more: a sample, latents, token ids."""
    for name, leaf in leaves:
        if isinstance(leaf, torch.Tensor) and leaf.ndim >= 2 and parameter(name) not in NO_BATCH_AXIS:
            return leaf
    return None


def count_rows(leaves: Sequence[tuple[str, Any]]) -> int:
    """Those of the leading tensor; 0 where there is none."""
    lead = leading(leaves)
    return 0 if lead is None else lead.shape[0]


def has_batch_axis(name: str, leaf: torch.Tensor, rows: int) -> bool:
    """Whether the first axis of `leaf` counts rows."""
    return leaf.ndim >= 1 and leaf.shape[0] == rows and parameter(name) not in NO_BATCH_AXIS


def is_timestep(name: str, leaf: Any, rows: int) -> bool:  # noqa: ANN401
    """Whether `leaf` says at which step its rows are: one number for all of them, or one each."""
    if parameter(name) not in TIMESTEPS or not isinstance(leaf, torch.Tensor):
        return False
    return leaf.ndim == 0 or (leaf.ndim == 1 and leaf.shape[0] in {1, rows})


def leaf_key(name: str, leaf: Any, rows: int) -> Hashable:  # noqa: ANN401
    """What has to be equal for two calls to be merged."""
    if not isinstance(leaf, torch.Tensor):
        return value_key(leaf)
    if rows and is_timestep(name, leaf, rows):
        return ("timestep", timestep_dtype(leaf), leaf.device)
    if rows and has_batch_axis(name, leaf, rows):
        return ("rows", leaf.shape[1:], leaf.dtype, leaf.device)
    return value_key(leaf)


def value_key(leaf: Any) -> Hashable:  # noqa: ANN401
    """Equal for equal values; tensors by content, objects we know nothing of by identity."""
    if isinstance(leaf, torch.Tensor):
        return ("value", leaf.shape, leaf.dtype, leaf.device, content_digest(leaf))
    if leaf is None or isinstance(leaf, bool | int | float | str | torch.dtype | torch.device):
        return (type(leaf), leaf)
    return ("object", id(leaf))


def content_digest(tensor: torch.Tensor) -> bytes:
    """A hash of the values; pipelines pass the same grids at every step, so it is taken once for each state."""
    version, digest = DIGESTS.get(tensor, (-1, b""))
    if version != tensor._version:
        content = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        digest = hashlib.sha256(content.numpy().tobytes()).digest()
        DIGESTS[tensor] = (tensor._version, digest)
    return digest


def timestep_dtype(timestep: torch.Tensor) -> torch.dtype:
    """One dtype for the steps of all schedulers: some count in integers, and embeddings are float32 anyway."""
    return timestep.dtype if timestep.dtype in {torch.float16, torch.bfloat16} else torch.float32


def merge(calls: Sequence[Call], pad_to: int = 0) -> Call:
    """One call with the rows of all of `calls`, which must have equal keys, in their order.

    Its first row is repeated at the end until there are `pad_to` rows.
    """
    rows = [call.rows for call in calls]
    padding = max(0, pad_to - sum(rows))
    columns = zip(*(call.leaves for call in calls), strict=True)
    leaves = [merge_leaf(column[0][0], [leaf for _, leaf in column], rows, padding) for column in columns]
    return Call(calls[0].function, rebuilt(calls[0].arguments, iter(leaves)))


def merge_leaf(name: str, column: Sequence[Any], rows: Sequence[int], padding: int) -> Any:  # noqa: ANN401
    """One leaf of the merged call, from the same leaf of each of the calls."""
    first = column[0]
    if not isinstance(first, torch.Tensor):
        return first
    if is_timestep(name, first, rows[0]):
        dtype = timestep_dtype(first)
        parts = [t.to(dtype).expand(count) for t, count in zip(column, rows, strict=True)]
    elif has_batch_axis(name, first, rows[0]):
        parts = list(column)
    else:
        return first
    return torch.cat([*parts, *[parts[0][:1]] * padding])


def split(output: Any, rows: Sequence[int], padded_to: int = 0) -> list[Any]:  # noqa: ANN401
    """The output of a merged call, cut back into one output for each of the calls."""
    leaves, spec = pytree.tree_flatten(output)
    total = max(sum(rows), padded_to)
    outputs, start = [], 0
    for count in rows:
        mine = [rows_of(leaf, start, count, total) for leaf in leaves]
        outputs.append(pytree.tree_unflatten(mine, spec))
        start += count
    return outputs


def rows_of(leaf: Any, start: int, count: int, total: int) -> Any:  # noqa: ANN401
    """`count` rows of `leaf` from row `start`; all of it where its first axis does not count the `total` rows."""
    if isinstance(leaf, DiagonalGaussianDistribution):
        return DiagonalGaussianDistribution(leaf.parameters.narrow(0, start, count), leaf.deterministic)
    if isinstance(leaf, torch.Tensor) and leaf.ndim >= 1 and leaf.shape[0] == total:
        return leaf.narrow(0, start, count)
    return leaf
