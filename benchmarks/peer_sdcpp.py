"""stable-diffusion.cpp behind plain FastAPI: `python -m benchmarks.peer_sdcpp PORT FILE`, after `pip install cyllama`.

Takes a checkpoint as one file in the layout of its first authors, so it does not load the bundled model: no layout for
a BERT that encodes, a UNet of five blocks or a tiny autoencoder of 48 channels. It computes with the file's float16
weights. It has DDIM with trailing steps only, draws one picture at a time, and batches nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, Final

from cyllama.sd import (
    LogLevel,
    RngType,
    SampleMethod,
    SDContext,
    SDContextParams,
    set_log_callback,
    set_progress_callback,
)

from benchmarks.peer_fastapi import serve
from benchmarks.peer_painter import SIDE, as_png
from core.schedulers import Scheduler

METHODS: Final = {
    Scheduler.DDIM: SampleMethod.DDIM_TRAILING,
    Scheduler.EULER: SampleMethod.EULER,
    Scheduler.EULER_ANCESTRAL: SampleMethod.EULER_A,
    Scheduler.DPMPP_2M: SampleMethod.DPMPP2M,
}


class Painter:
    """One context for all pictures."""

    def __init__(self, file: str) -> None:
        set_log_callback(tell)
        set_progress_callback(lambda step, steps, seconds: None)  # or it paints bars
        parameters = SDContextParams()
        parameters.model_path = file
        parameters.n_threads = len(os.sched_getaffinity(0))
        parameters.free_params_immediately = False  # or the second picture finds no weights, and the process ends
        parameters.rng_type = RngType.CPU
        self._context = SDContext(parameters)

    def draw(self, bodies: Sequence[dict[str, Any]]) -> list[str]:
        """PNG files in base64, in order, one after the other."""
        return [self._drawn(body) for body in bodies]

    def _drawn(self, body: dict[str, Any]) -> str:
        (image,) = self._context.generate(
            body["prompt"],
            width=SIDE,
            height=SIDE,
            seed=body["seed"],
            sample_steps=body["num_inference_steps"],
            cfg_scale=body["guidance_scale"],
            sample_method=METHODS[Scheduler(body["scheduler"])],
        )
        return as_png(image.to_pil())


def tell(level: LogLevel, text: str) -> None:
    """What went wrong, and nothing else."""
    if level == LogLevel.ERROR:
        print(text, end="", file=sys.stderr)


if __name__ == "__main__":
    serve(int(sys.argv[1]), lambda: Painter(sys.argv[2]))
