"""A plain FastAPI server, as most self-made ones are: `python -m benchmarks.peer_fastapi PORT`. Draws one by one."""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

import uvicorn
from fastapi import FastAPI, Request

from benchmarks.peer_painter import Painter


def serve(port: int) -> None:
    """One thread draws; requests wait for it in its queue."""
    app, thread = FastAPI(), ThreadPoolExecutor(1)
    painter = thread.submit(Painter).result()

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
    serve(int(sys.argv[1]))
