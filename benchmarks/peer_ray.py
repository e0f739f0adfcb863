"""Ray Serve with its own batching: `python -m benchmarks.peer_ray PORT FOLDER`, after `pip install "ray[serve]"`.

It gathers what arrives within 50 ms, up to eight requests, and draws what has equal settings in one call.
Annotations are evaluated here: Ray takes the class to another process, where FastAPI could not look their names up.
"""

import asyncio
import os
import sys
from typing import Any

from fastapi import FastAPI
from ray import serve

from benchmarks.peer_painter import Painter, stock_pipeline

BATCH, WINDOW_SECONDS, WAITING = 8, 0.05, 1000
CORES = os.cpu_count() or 1

app = FastAPI()


@serve.deployment(max_ongoing_requests=WAITING, ray_actor_options={"num_cpus": CORES})  # torch's threads, too
@serve.ingress(app)
class Api:
    def __init__(self, folder: str) -> None:
        self.painter = Painter(stock_pipeline(folder))

    @app.get("/health")
    async def health(self) -> dict[str, bool]:
        return {"ok": True}

    @app.post("/predict")
    async def predict(self, body: dict[str, Any]) -> dict[str, str]:
        return {"file": await self.draw(body)}

    @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=WINDOW_SECONDS)
    async def draw(self, bodies: list[dict[str, Any]]) -> list[str]:
        return await asyncio.to_thread(self.painter.draw_unlike, bodies)


if __name__ == "__main__":
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Api.bind(sys.argv[2]), blocking=True)
