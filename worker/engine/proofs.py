"""Proof before trust: the first merged forward of each kind is also run alone and compared.

What a module does with its arguments is not known here. A kind that comes out otherwise merged than alone, or that
raises, never merges again: a pipeline that nobody has read is right first, and fast where it can be.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Sequence
from typing import Any, Final

import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch.utils import _pytree as pytree

from worker.engine.calls import Call
from worker.engine.merging import merge, split
from worker.faults import is_device_lost, is_out_of_memory

logger = logging.getLogger(__name__)

TOLERANCES: Final = {torch.float16: 5e-3, torch.bfloat16: 2e-2}
TOLERANCE: Final = 2e-5
"""By how much a merged output may differ, as a share of its length: rounding, which the number of rows changes."""


class Proofs:
    """Which kinds of calls may be merged, learned as they come."""

    def __init__(self) -> None:
        self._proven: set[Hashable] = set()
        self._refused: set[Hashable] = set()

    def key(self, call: Call) -> Hashable:
        """Equal for calls that one forward may answer now; its own for one of a kind that must not be merged."""
        if self._refused and call.form in self._refused:  # asked for every call of every turn: mostly none is
            return ("alone", id(call))
        uneven = call.uneven_key
        if uneven is None or (self._refused and uneven_form(call) in self._refused):
            uneven = call.key
        if call.residual_form is not None and self._refused and self._is_apart(call):
            return (uneven, call.residual_form)
        return uneven

    def _is_apart(self, call: Call) -> bool:
        """Whether what is added to `call` was not to be merged with calls to which nothing is."""
        return any(
            isinstance(form, tuple) and form[0] == "filled" and form[2] == call.residual_form for form in self._refused
        )

    def proves(self, calls: Sequence[Call]) -> bool:
        """Whether `run` would compare: `calls` are the first to be merged of their kind."""
        return len(calls) > 1 and form_of(calls) not in self._proven

    def run(self, calls: Sequence[Call], pad_to: int = 0) -> list[Any]:
        """The output of each of `calls`, which have one key. Raises what a call alone raises, or a lack of memory."""
        form = form_of(calls)
        if form in self._proven:
            return merged(calls, pad_to)
        together = self._tried(calls, pad_to)
        alone = {place: calls[place].run() for place in samples_of(calls)}
        if together is not None and all(alike(together[place], output) for place, output in alone.items()):
            self._proven.add(form)
            return together
        self._refused.add(form)
        logger.warning("calls of a kind are never merged again", extra={"kind": calls[0].kind})
        return [alone[place] if place in alone else call.run() for place, call in enumerate(calls)]

    def _tried(self, calls: Sequence[Call], pad_to: int) -> list[Any] | None:
        """The outputs merged; None if that raised for a reason of its own."""
        try:
            return merged(calls, pad_to)
        except Exception as error:
            if is_device_lost(error) or is_out_of_memory(error):
                raise
            logger.info("a merged forward failed", exc_info=error)
            return None


def merged(calls: Sequence[Call], pad_to: int) -> list[Any]:
    """One forward for all of `calls`, cut into an output for each."""
    rows = [call.rows for call in calls]
    return split(merge(calls, pad_to).run(), rows, pad_to, in_lists=bool(calls[0].row_lists))


def form_of(calls: Sequence[Call]) -> Hashable:
    """Of calls that have one key: their kind, that of texts of unequal lengths, or of residuals that some have."""
    first = calls[0]
    plain = next((call for call in calls if call.residual_form is None), first)
    form = plain.form if all(call.key == first.key for call in calls[1:]) else uneven_form(plain)
    added = [call for call in calls if call.residual_form is not None]
    return form if not added or len(added) == len(calls) else filled_form(form, added[0])


def filled_form(form: Hashable, call: Call) -> Hashable:
    """What merges of `call`, to which something is added, with calls of `form` to which nothing is have in common."""
    return ("filled", form, call.residual_form)


def samples_of(calls: Sequence[Call]) -> list[int]:
    """The places of the first and the last call, and of the first of those to which something is added, and nothing."""
    added = [call.residual_form is not None for call in calls]
    return sorted({0, len(calls) - 1, *(added.index(kind) for kind in (True, False) if kind in added)})


def uneven_form(call: Call) -> Hashable:
    """What merges of unequal texts have in common, whatever the lengths."""
    lead = next((leaf.shape[1:] for _, leaf in call.leaves if isinstance(leaf, torch.Tensor) and leaf.ndim > 1), None)
    return ("uneven", call.called, tuple(name for name, _ in call.leaves), lead)


def alike(one: Any, other: Any) -> bool:  # noqa: ANN401 - whatever the module returns
    """Whether two outputs are the same but for rounding."""
    parts, others = tensors_of(one), tensors_of(other)
    return len(parts) == len(others) and all(map(near, parts, others))


def tensors_of(output: Any) -> list[torch.Tensor]:  # noqa: ANN401
    """Every tensor of an output, an autoencoder's distribution by its parameters."""
    leaves = [
        leaf.parameters if isinstance(leaf, DiagonalGaussianDistribution) else leaf
        for leaf in pytree.tree_leaves(output)
    ]
    return [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]


def near(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether `one` is `other` within the tolerance of its precision; what is no number is in both or in none."""
    if one.shape != other.shape:
        return False
    if not one.is_floating_point():
        return torch.equal(one, other)
    finite = torch.isfinite(other)
    if not torch.equal(torch.isfinite(one), finite):
        return False
    wanted = torch.where(finite, other, 0).float()
    off = torch.where(finite, one, 0).float() - wanted
    allowed = TOLERANCES.get(one.dtype, TOLERANCE) * torch.linalg.vector_norm(wanted)
    return bool(torch.linalg.vector_norm(off) <= allowed)
