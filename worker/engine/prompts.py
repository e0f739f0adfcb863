"""Keeps the outputs of text encoders, so that a prompt met before costs nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Final

import torch
from torch.utils import _pytree as pytree

from worker.engine.stats import Stats

MAX_BYTES: Final = 256 * 2**20


class PromptCache:
    """The outputs of one model's text encoders, least recently used out first; at most `max_bytes` of tensors."""

    def __init__(self, max_bytes: int = MAX_BYTES, stats: Stats | None = None) -> None:
        self._max_bytes = max_bytes
        self._stats = stats or Stats()
        self._outputs: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._outputs)

    def get(self, key: Hashable) -> Any:  # noqa: ANN401 - the encoder's own output type
        """The output kept under `key`, or None."""
        if key not in self._outputs:
            return None
        self._outputs.move_to_end(key)
        self._stats.prompts_reused += 1
        return self._outputs[key][0]

    def put(self, key: Hashable, output: Any) -> None:  # noqa: ANN401
        """Keep a copy: `output` may be a view into the output of a whole batch."""
        if key in self._outputs:
            return
        self._stats.prompts_encoded += 1
        kept = pytree.tree_map_only(torch.Tensor, torch.clone, output)
        size = sum(leaf.nbytes for leaf in pytree.tree_leaves(kept) if isinstance(leaf, torch.Tensor))
        self._outputs[key] = (kept, size)
        self._bytes += size
        while self._bytes > self._max_bytes:
            _, (_, freed) = self._outputs.popitem(last=False)
            self._bytes -= freed
