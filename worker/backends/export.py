"""`python -m worker.backends.export FOLDER`: makes an OpenVINO graph of the module that was saved in the folder."""

from __future__ import annotations

import importlib
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from torch.utils import _pytree as pytree

from worker.backends.graph_files import MODULE, SPEC
from worker.backends.openvino_library import openvino
from worker.backends.signatures import filled

EXAMPLE_ROWS = 2
"""Of the call that is traced: one row would be taken for an axis of length one."""


class Traced(torch.nn.Module):
    """A module as a function of tensors alone: every other argument is fixed."""

    def __init__(self, module: torch.nn.Module, layout: Any) -> None:  # noqa: ANN401 - a signature's, from JSON
        super().__init__()
        self.module = module
        self.layout = layout

    def forward(self, *tensors: torch.Tensor) -> tuple[Any, ...]:
        """Its outputs, out of whatever the module puts them in."""
        return tuple(pytree.tree_leaves(self.module(**filled(self.layout, tensors))))


def examples(spec: dict[str, Any]) -> tuple[torch.Tensor, ...]:
    """Tensors of the kinds that the spec asks for; what they hold does not matter."""
    made = []
    for shape, has_rows, dtype in zip(spec["shapes"], spec["has_rows"], spec["dtypes"], strict=True):
        full = [EXAMPLE_ROWS, *shape] if has_rows else shape
        kind: torch.dtype = getattr(torch, dtype.removeprefix("torch."))
        made.append(torch.randn(full) if kind.is_floating_point else torch.ones(full, dtype=kind))
    return tuple(made)


def export(folder: Path) -> None:
    """Leave `graph.xml` and `graph.bin` in `folder`, in the precision of the weights."""
    spec = json.loads((folder / SPEC).read_text(encoding="utf-8"))
    stock: Any = getattr(importlib.import_module(spec["library"]), spec["class"])
    owner = stock.from_pretrained(folder / MODULE, dtype=torch.float32, use_safetensors=True).eval()
    traced = Traced(owner.get_submodule(spec["part"]), spec["layout"])
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing says of every `if` of the module that it takes one way
        library = openvino()
        graph = library.convert_model(traced, example_input=examples(spec))
    if len(graph.inputs) != len(spec["shapes"]):
        raise SystemExit(f"the graph takes {len(graph.inputs)} of {len(spec['shapes'])} tensors")
    library.save_model(graph, folder / "graph.xml", compress_to_fp16=False)


if __name__ == "__main__":
    os.nice(19)
    export(Path(sys.argv[1]))
