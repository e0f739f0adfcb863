"""A plain FastAPI server, as most self-made ones are: `python -m benchmarks.peer_fastapi PORT FOLDER`.

Draws one by one. Other peers that bring no server of their own stand behind it, too.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import uvicorn
from fastapi import FastAPI, Request

from benchmarks.peer_painter import Painter, stock_pipeline


class Draws(Protocol):
    """What draws pictures of equal settings."""

    def draw(self, bodies: Sequence[dict[str, Any]]) -> list[str]:
        """PNG files in base64, in order."""
        ...


def serve(port: int, painter_of: Callable[[], Draws]) -> None:
    """One thread makes the painter and draws; requests wait for it in its queue."""
    app, thread = FastAPI(), ThreadPoolExecutor(1)
    painter = thread.submit(painter_of).result()

    @app.get("/health")
    def health() -> str:
        return "ok"

    @app.post("/predict")
    async def predict(request: Request) -> dict[str, str]:
        body = await request.json()
        (file,) = await asyncio.get_running_loop().run_in_executor(thread, painter.draw, [body])
        return {"file": file}

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    serve(int(sys.argv[1]), lambda: Painter(stock_pipeline(sys.argv[2])))
