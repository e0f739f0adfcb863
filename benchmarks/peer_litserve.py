"""LitServe with its own batching: `python -m benchmarks.peer_litserve PORT FOLDER`, after `pip install litserve`.

It gathers what arrives within 50 ms, up to eight requests, and draws what has equal settings in one call.
"""

from __future__ import annotations

import sys
from typing import Any

import litserve

from benchmarks.peer_painter import Painter, stock_pipeline

BATCH, WINDOW_SECONDS = 8, 0.05


class Api(litserve.LitAPI):
    """Of this module, since LitServe starts its worker anew and finds it by name."""

    def __init__(self, folder: str) -> None:
        super().__init__(max_batch_size=BATCH, batch_timeout=WINDOW_SECONDS)
        self.folder = folder

    def setup(self, device: str) -> None:
        self.painter = Painter(stock_pipeline(self.folder))

    def decode_request(self, request) -> dict[str, Any]:  # noqa: ANN001 - an annotation would become the query's schema
        return request

    def batch(self, inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return inputs

    def predict(self, bodies: list[dict[str, Any]]) -> list[str]:
        return self.painter.draw_unlike(bodies)

    def unbatch(self, output: list[str]) -> list[str]:
        return output

    def encode_response(self, output: str) -> dict[str, str]:
        return {"file": output}


if __name__ == "__main__":
    server = litserve.LitServer(Api(sys.argv[2]), accelerator="cpu", timeout=False)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False)
