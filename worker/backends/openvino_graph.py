"""A graph that OpenVINO compiled for one number of rows, run on tensors of torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch

from worker.backends.openvino_library import openvino
from worker.backends.signatures import Signature

PROPERTIES: Final = {
    "INFERENCE_PRECISION_HINT": "f32",  # the same picture: processors with bfloat16 would take that otherwise
    "ENABLE_CPU_PINNING": False,  # pinned, all workers of a machine would sit on the same cores
}


STREAMS: Final = 2
"""Parts of a call that run beside each other, each on its share of the threads. Two of four rows wait for each other
once, one of eight at every layer: on two cores that is a tenth, and twice as much beside another busy process."""


class CompiledGraph:
    """Answers calls of `rows` rows, for the thread that asks."""

    def __init__(self, path: Path, signature: Signature, rows: int, threads: int) -> None:
        """Compile the graph of `path`, which takes a moment. Raises what OpenVINO does."""
        streams = STREAMS if rows % STREAMS == 0 and threads >= STREAMS else 1
        self._signature = signature
        self._share = rows // streams
        core = openvino().Core()
        graph = core.read_model(path)
        shapes = signature.with_rows(self._share)
        graph.reshape({place: list(shape) for place, shape in zip(graph.inputs, shapes, strict=True)})
        properties = {**PROPERTIES, "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": streams}
        compiled = core.compile_model(graph, "CPU", properties)
        self._requests: list[Any] = [compiled.create_infer_request() for _ in range(streams)]

    def run(self, tensors: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """Its outputs, which are the caller's own."""
        starts = range(0, self._share * len(self._requests), self._share)
        shares = [self._signature.part(tensors, start, self._share) for start in starts]
        given = [[tensor.contiguous().numpy() for tensor in share] for share in shares]
        for request, inputs in zip(self._requests, given, strict=True):
            request.start_async(inputs, share_inputs=True)
        for request in self._requests:
            request.wait()
        outputs = ([torch.from_numpy(output) for output in each.results.values()] for each in self._requests)
        # Which copies: what a request gave is overwritten by its next.
        return tuple(torch.cat(column) for column in zip(*outputs, strict=True))
