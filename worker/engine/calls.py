"""A parked call of a module, and which calls may become one along the batch axis, whatever their tensors mean."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import torch
from torch.utils.weak import WeakIdKeyDictionary

TIMESTEPS: Final = frozenset({"timestep", "timesteps"})
NO_BATCH_AXIS: Final = frozenset({"img_ids", "txt_ids"})
"""Position grids whose first axis counts tokens; it may equal the number of rows by accident."""

RESIDUALS: Final = frozenset(
    {"down_block_additional_residuals", "mid_block_additional_residual", "down_intrablock_additional_residuals"}
    | {"controlnet_block_samples", "controlnet_single_block_samples", "controlnet_blocks_repeat"}
    | {"block_controlnet_hidden_states"}
)
"""Arguments of denoisers that are added to what they compute, by ControlNets and their kin. Zeros add nothing."""

SEQUENCES: Final = ("encoder_hidden_states",)
"""How the names of arguments begin that hold a text, a vector a token."""

DIGESTS: Final[MutableMapping[torch.Tensor, tuple[int, bytes]]] = WeakIdKeyDictionary()
"""Hashes of tensors that are compared by value, for as long as somebody holds them."""


class RowList(list[torch.Tensor]):
    """A list that has a tensor a row of the batch."""


@dataclass(eq=False)
class Call:
    """One call that waits to be run: `arguments` by parameter name; `key` is equal for calls that may be merged.

    `rows` is its length along the batch axis: 1, or 2 with classifier-free guidance. Calls with equal `reuse_key`
    have the same output. With `fixed_rows` the function wants few different numbers of rows: it is compiled for each.
    One that `prepares` is a part of a step that the denoiser's own call waits for.
    """

    function: Callable[..., Any]
    arguments: dict[str, Any]
    reuse_key: Hashable | None = None
    fixed_rows: bool = False
    prepares: bool = False
    number: int = 0

    @property
    def called(self) -> int:
        """Which function it is: its `number`, else its id, which may be another's once it has left."""
        return self.number or id(self.function)

    @cached_property
    def row_lists(self) -> frozenset[str]:
        """The arguments that are lists with a tensor a row, as of models whose first argument is such a list."""
        first: Any = next(iter(self.arguments.values()), None)
        if not is_list_of_tensors(first):
            return frozenset()
        return frozenset(
            name for name, value in self.arguments.items() if is_list_of_tensors(value) and len(value) == len(first)
        )

    @cached_property
    def masks(self) -> dict[str, str]:
        """The argument that masks each sequence [rows, length, channels] of text, by its name, where there is one."""
        found: dict[str, str] = {}
        for name, value in self.arguments.items():
            if name.startswith(SEQUENCES) and isinstance(value, torch.Tensor) and value.ndim == 3:
                mask = next((each for each in masks_of(name) if each in self.arguments), None)
                if mask and fits(self.arguments[mask], value):
                    found[name] = mask
        return found

    @cached_property
    def leaves(self) -> list[tuple[str, Any]]:
        """Its arguments, flat, each with its path; a list that has a tensor a row is one leaf."""
        return [leaf for name, value in self.arguments.items() for leaf in self._walk(name, value)]

    def _walk(self, name: str, value: Any) -> list[tuple[str, Any]]:  # noqa: ANN401
        return [(name, RowList(value))] if name in self.row_lists else walk(name, value)

    @cached_property
    def rows(self) -> int:
        """The length along the batch axis; 0 where no argument has one."""
        if self.row_lists:
            first: list[torch.Tensor] = next(iter(self.arguments.values()))
            return len(first)
        return count_rows(self.leaves)

    @cached_property
    def cells_per_row(self) -> int:
        """Elements of one row of the tensor that leads: what memory grows with."""
        if self.row_lists:
            first: list[torch.Tensor] = next(iter(self.arguments.values()))
            return max(1, first[0].numel())
        lead = leading(self.leaves)
        return 1 if lead is None else max(1, lead.numel() // max(1, lead.shape[0]))

    @cached_property
    def key(self) -> Hashable:
        """Equal for calls that one forward can answer together, if their residuals are of equal form or none."""
        leaves = [(name, leaf) for name, leaf in self.leaves if parameter(name) not in self.residuals]
        return (self.called, tuple((name, leaf_key(name, leaf, self.rows)) for name, leaf in leaves))

    @cached_property
    def residuals(self) -> frozenset[str]:
        """The arguments that may be left out, or be zeros, to the same effect."""
        if getattr(self.function, "keeps_residuals_apart", False):
            return frozenset()
        return RESIDUALS & self.arguments.keys()

    @cached_property
    def residual_form(self) -> Hashable | None:
        """What has to be equal for the residuals of two calls to be merged; None where nothing is added."""
        leaves = [(name, leaf) for name, leaf in self.leaves if parameter(name) in self.residuals]
        if not any(isinstance(leaf, torch.Tensor) for _, leaf in leaves):
            return None
        return tuple((name, leaf_key(name, leaf, self.rows)) for name, leaf in leaves)

    @cached_property
    def form(self) -> Hashable:
        """Equal for calls that are merged alike: the key without the values of what is shared."""
        return (self.called, tuple((name, leaf_form(name, leaf, self.rows)) for name, leaf in self.leaves))

    @cached_property
    def uneven_key(self) -> Hashable | None:
        """Equal for calls that one forward can answer once their texts are of one length; None if they always are."""
        texts = {*self.masks} | self.row_lists - {next(iter(self.arguments), "")}
        if not texts:
            return None
        left = {*self.masks.values(), *self.residuals}
        others = [(name, leaf) for name, leaf in self.leaves if parameter(name) not in left]
        keys = ((name, text_key(leaf) if name in texts else leaf_key(name, leaf, self.rows)) for name, leaf in others)
        return (self.called, tuple(keys))

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
        """Compute it. Lists are handed over as copies: some modules take things out of theirs."""
        return self.function(**{name: [*each] if type(each) is list else each for name, each in self.arguments.items()})


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


def is_list_of_tensors(value: Any) -> bool:  # noqa: ANN401
    """Whether it is a list, and not an empty one, of nothing but tensors."""
    return type(value) is list and bool(value) and all(isinstance(item, torch.Tensor) for item in value)


def masks_of(sequence: str) -> tuple[str, ...]:
    """What models call the argument that says which tokens of `sequence` count."""
    ending = next(sequence.removeprefix(begin) for begin in SEQUENCES if sequence.startswith(begin))
    return (f"{sequence}_mask", f"encoder_attention_mask{ending}", f"encoder_mask{ending}", f"attention_mask{ending}")


def fits(mask: Any, sequence: torch.Tensor) -> bool:  # noqa: ANN401
    """Whether `mask` can be that of `sequence`: none at all, or a number for each of its tokens."""
    return mask is None or (isinstance(mask, torch.Tensor) and mask.shape == sequence.shape[:2])


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


def has_layers_first(name: str, leaf: torch.Tensor, rows: int) -> bool:
    """Whether `leaf` is what some layers made of every row, [layers, rows, length, channels]."""
    return leaf.ndim == 4 and leaf.shape[0] != rows == leaf.shape[1] and parameter(name) not in NO_BATCH_AXIS


def is_timestep(name: str, leaf: Any, rows: int) -> bool:  # noqa: ANN401
    """Whether `leaf` says at which step its rows are: one number for all of them, or one each."""
    if parameter(name) not in TIMESTEPS or not isinstance(leaf, torch.Tensor):
        return False
    return leaf.ndim == 0 or (leaf.ndim == 1 and leaf.shape[0] in {1, rows})


def leaf_key(name: str, leaf: Any, rows: int) -> Hashable:  # noqa: ANN401
    """What has to be equal for two calls to be merged."""
    if isinstance(leaf, RowList):
        return ("row list", frozenset((item.shape, item.dtype, item.device) for item in leaf))
    if not isinstance(leaf, torch.Tensor):
        return value_key(leaf)
    if rows and is_timestep(name, leaf, rows):
        return ("timestep", timestep_dtype(leaf), leaf.device)
    if rows and has_batch_axis(name, leaf, rows):
        return ("rows", leaf.shape[1:], leaf.dtype, leaf.device)
    if rows and has_layers_first(name, leaf, rows):
        return ("rows of layers", leaf.shape[0], leaf.shape[2:], leaf.dtype, leaf.device)
    return value_key(leaf)


def leaf_form(name: str, leaf: Any, rows: int) -> Hashable:  # noqa: ANN401
    """What of a leaf decides how it is merged: its key, without the value of what is shared."""
    if isinstance(leaf, torch.Tensor):
        key = leaf_key(name, leaf, rows)
        return key[:-1] if isinstance(key, tuple) and key[0] == "value" else key
    if isinstance(leaf, RowList):
        return leaf_key(name, leaf, rows)
    return ("plain", type(leaf).__name__)


def text_key(leaf: Any) -> Hashable:  # noqa: ANN401
    """What has to be equal for two texts to be brought to one length: all but that."""
    if isinstance(leaf, RowList):
        return ("texts", frozenset((item.shape[1:], item.dtype, item.device) for item in leaf))
    return ("text", leaf.shape[2:], leaf.dtype, leaf.device)


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
