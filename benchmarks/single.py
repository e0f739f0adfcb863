"""What a picture costs that is drawn alone, by the bare modules, the stock pipeline and the engine.

    python -m benchmarks.single --model bundled

All three run in one process, on its main thread, with the allocator of a worker; the bare modules before the engine
and after it. A line of JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch

from benchmarks import bare, runs, workloads
from benchmarks.checkpoints import cache_folder
from benchmarks.workloads import Workload, changed, told
from core.jobs import Stage
from worker.allocator import keep_freed_memory
from worker.contract import DrawRequest
from worker.engine.engine import Engine
from worker.gil import shorten_switch_interval

TRIES: Final = 5
PAUSE_SECONDS: Final = 0.3
"""Before each picture alone, so that nothing of the one before is under way."""

Figures = dict[str, float]


def single(work: Workload, seed: int, tries: int = TRIES) -> Figures:
    """One request at a time, none of which was seen before: seconds, and milliseconds of each part of the longest."""
    before = bare_milliseconds(work, tries)
    taken = runs.in_engine(work, lambda engine: [one(engine, work, steps, seed, tries) for steps in work.amounts.alone])
    after = bare_milliseconds(work, tries)
    stock = [stock_seconds(work, steps, seed + 500, tries) for steps in work.amounts.alone]
    modules = {part: (before[part] + after[part]) / 2 for part in before}
    steps = work.amounts.alone[-1]
    drawn, parts = taken[-1]
    least = (modules["encode"] + steps * modules["denoise"] + modules["decode"]) / 1000
    step = parts[Stage.DENOISE] / steps
    return {
        **{f"alone: {n} steps, s": seconds for n, (seconds, _) in zip(work.amounts.alone, taken, strict=True)},
        **{f"alone: {n} steps, plain diffusers, s": each for n, each in zip(work.amounts.alone, stock, strict=True)},
        "alone: encode, ms": parts[Stage.ENCODE],
        "alone: encode, bare module, ms": modules["encode"],
        "alone: denoise, ms a step": step,
        "alone: denoise, bare module, ms a step": modules["denoise"],
        "alone: decode, ms": parts[Stage.DECODE],
        "alone: decode, bare module, ms": modules["decode"],
        "alone: before, between and after these, ms": 1000 * drawn - sum(parts.values()),
        "alone: share that is not the bare modules'": 1 - least / drawn,
    }


def one(engine: Engine, work: Workload, steps: int, seed: int, tries: int) -> tuple[float, dict[str, float]]:
    """Seconds of a picture of so many steps, and milliseconds by stage: the try in the middle."""
    found = []
    for number in range(tries):
        time.sleep(PAUSE_SECONDS)
        began = time.perf_counter()
        end = runs.finished(engine.submit(fresh(work, steps, seed + 10 * steps + number)))
        found.append((time.perf_counter() - began, {stage: 1000 * each for stage, each in end.timings.items()}))
    return sorted(found, key=lambda each: each[0])[len(found) // 2]


def stock_seconds(work: Workload, steps: int, seed: int, tries: int) -> float:
    """Seconds of such a picture drawn by diffusers' own pipeline: the median."""
    found = []
    for number in range(tries):
        time.sleep(PAUSE_SECONDS)
        found += runs.plain(work, [fresh(work, steps, seed + 10 * steps + number)])
    return statistics.median(found)


def fresh(work: Workload, steps: int, seed: int) -> DrawRequest:
    """A request of so many steps whose prompt and seed no other has."""
    return changed(work.usual, seed, prompt=f"alone, number {seed}", num_inference_steps=steps)


def bare_milliseconds(work: Workload, tries: int) -> dict[str, float]:
    """The median of a forward of each module, with the rows of one picture."""
    guided = 2 if told(work.usual).guidance_scale > 1 else 1
    denoised, drawn = bare.bare(work, guided), bare.bare(work, 1)
    return {
        "encode": guided * milliseconds(drawn.encode, tries),
        "denoise": milliseconds(denoised.denoise, 4 * tries),
        "decode": milliseconds(drawn.decode, tries),
    }


@torch.no_grad()
def milliseconds(forward: Callable[[], Any], tries: int) -> float:
    forward()  # the first one pays for what is set up once
    return 1000 * statistics.median(runs.timed(forward)[0] for _ in range(tries))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=["bundled", "sd15"], default="bundled")
    parser.add_argument("--tries", type=int, default=TRIES)
    parser.add_argument("--backend", choices=["eager", "openvino"], default="eager", help="of all three")
    parser.add_argument("--cache", type=Path, default=cache_folder(), help="folder of the large model")
    options = parser.parse_args()
    keep_freed_memory()
    shorten_switch_interval()
    with tempfile.TemporaryDirectory() as folder:
        work = (
            workloads.bundled(Path(folder), "auto", options.backend)
            if options.model == "bundled"
            else workloads.sd15(Path(folder), "auto", options.cache, options.backend)
        )
        print(json.dumps({name: round(value, 4) for name, value in single(work, 0, options.tries).items()}))


if __name__ == "__main__":
    main()
