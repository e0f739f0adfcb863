"""A graph that OpenVINO compiled for one number of rows, run on tensors of torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch

from worker.backends.openvino_library import openvino

PROPERTIES: Final = {
    "INFERENCE_PRECISION_HINT": "f32",  # the same picture: processors with bfloat16 would take that otherwise
    "PERFORMANCE_HINT": "LATENCY",
    "ENABLE_CPU_PINNING": False,  # pinned, all workers of a machine would sit on the same cores
}


class CompiledGraph:
    """Answers calls of `rows` rows, on the thread that asks."""

    def __init__(self, path: Path, shapes: Sequence[Sequence[int]], threads: int) -> None:
        """Compile the graph of `path` for tensors of these shapes, which takes a moment. Raises what OpenVINO does."""
        core = openvino().Core()
        graph = core.read_model(path)
        graph.reshape({place: list(shape) for place, shape in zip(graph.inputs, shapes, strict=True)})
        properties = {**PROPERTIES, "INFERENCE_NUM_THREADS": threads}
        self._request: Any = core.compile_model(graph, "CPU", properties).create_infer_request()

    def run(self, tensors: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """Its outputs, which are the caller's own."""
        inputs = [tensor.contiguous().numpy() for tensor in tensors]
        outputs = self._request.infer(inputs, share_inputs=True, share_outputs=False)
        return tuple(torch.from_numpy(output) for output in outputs.values())
