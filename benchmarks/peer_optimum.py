"""optimum-intel behind plain FastAPI: `python -m benchmarks.peer_optimum PORT FOLDER IR`.

It loads Stable Diffusion 1.5, not the bundled model (`peer_openvino` says why, and stands in for it there). It is
exported once, to the folder IR, by a process of its own. Sizes are left open, as it comes. Its environment is its own:
optimum-intel 2.2.0 needs transformers below 5.6 and with it diffusers below 0.40.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from optimum.intel import OVStableDiffusionPipeline

from benchmarks.peer_fastapi import serve
from benchmarks.peer_painter import Painter

PRECISION: Final = {"INFERENCE_PRECISION_HINT": "f32"}
EXPORT: Final = "export"


def export(folder: str, ir: str) -> None:
    """Write the converted pipeline of `folder` to `ir`, in float32; appears whole or not at all."""
    unfinished = Path(f"{ir}-unfinished")
    OVStableDiffusionPipeline.from_pretrained(folder, export=True, compile=False, load_in_8bit=False).save_pretrained(
        unfinished
    )
    unfinished.rename(ir)


def painter(folder: str, ir: str) -> Painter:
    """Exports first where that has not been done."""
    if not Path(ir).exists():
        subprocess.run([sys.executable, "-m", "benchmarks.peer_optimum", EXPORT, folder, ir], check=True)
    return Painter(OVStableDiffusionPipeline.from_pretrained(ir, ov_config=PRECISION))


if __name__ == "__main__":
    if sys.argv[1] == EXPORT:
        export(*sys.argv[2:])
    else:
        serve(int(sys.argv[1]), lambda: painter(*sys.argv[2:]))
