"""A parked call of a module, and how several become one along the batch axis. Knows tensors, not what they mean."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, MutableMapping, Sequence
from dataclasses import dataclass, field
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
    key: Hashable = field(init=False)
    rows: int = field(init=False)
    device_type: str = field(init=False)

    def __post_init__(self) -> None:
        leaves = named_leaves(self.arguments)
        self.device_type = next((leaf.device.type for _, leaf in leaves if isinstance(leaf, torch.Tensor)), "cpu")
        self.rows = count_rows(leaves)
        self.key = (id(self.function), tuple((name, leaf_key(name, leaf, self.rows)) for name, leaf in leaves))

    def run(self) -> Any:  # noqa: ANN401 - whatever the module returns
        return self.function(**self.arguments)


def digest(arguments: dict[str, Any]) -> Hashable:
    """Equal for equal arguments, tensors by value."""
    return tuple((name, value_key(leaf)) for name, leaf in named_leaves(arguments))


def named_leaves(arguments: dict[str, Any]) -> list[tuple[str, Any]]:
    """Every leaf of the nested arguments with the path that leads to it, as `name[0]['key']`."""
    leaves, _ = pytree.tree_flatten_with_path(arguments)
    return [(pytree.keystr(path), leaf) for path, leaf in leaves]


def parameter(name: str) -> str:
    return name.split("'")[1]


def count_rows(leaves: Sequence[tuple[str, Any]]) -> int:
    """The first tensor of two axes or more leads: a sample, latents, token ids. 0 where there is none."""
    for name, leaf in leaves:
        if isinstance(leaf, torch.Tensor) and leaf.ndim >= 2 and parameter(name) not in NO_BATCH_AXIS:
            return leaf.shape[0]
    return 0


def has_batch_axis(name: str, leaf: torch.Tensor, rows: int) -> bool:
    return leaf.ndim >= 1 and leaf.shape[0] == rows and parameter(name) not in NO_BATCH_AXIS


def is_timestep(name: str, leaf: Any, rows: int) -> bool:  # noqa: ANN401
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
    trees = [pytree.tree_flatten(call.arguments) for call in calls]
    names = [name for name, _ in named_leaves(calls[0].arguments)]
    columns = zip(names, *(leaves for leaves, _ in trees), strict=True)
    rows = [call.rows for call in calls]
    padding = max(0, pad_to - sum(rows))
    leaves = [merge_leaf(name, column, rows, padding) for name, *column in columns]
    return Call(calls[0].function, pytree.tree_unflatten(leaves, trees[0][1]))


def merge_leaf(name: str, column: Sequence[Any], rows: Sequence[int], padding: int) -> Any:  # noqa: ANN401
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
    if isinstance(leaf, DiagonalGaussianDistribution):
        return DiagonalGaussianDistribution(leaf.parameters.narrow(0, start, count), leaf.deterministic)
    if isinstance(leaf, torch.Tensor) and leaf.ndim >= 1 and leaf.shape[0] == total:
        return leaf.narrow(0, start, count)
    return leaf
