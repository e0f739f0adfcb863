"""`python -m benchmarks.engine`: the engine against plain diffusers, a static batch and the ideal, on one machine.

What is compared runs in turn, several times, so that whatever else the machine does hits both alike; a ratio that has
an aim is taken of two neighbours and the median of the ratios is reported. What the engine learned of the machine stays
from round to round, as a worker keeps it over a restart. Figures in CPU seconds hold on a machine that is busy with
something else, where seconds do not. A table for people, then one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import runs, workloads
from benchmarks.bare import Bare, bare, flops_of
from benchmarks.charts import engine_chart
from benchmarks.checkpoints import cache_folder
from benchmarks.load import percentile
from benchmarks.matmul import matmul_flops
from benchmarks.single import single
from benchmarks.workloads import Workload, told
from worker.allocator import keep_freed_memory
from worker.contract import DrawRequest
from worker.gil import shorten_switch_interval

TRIES = 3
"""Forwards of the bare modules at each size, to find the one that is best for them."""
RESULTS = Path(__file__).parent / "results"

AIMS = {
    "equal: engine / static batch": ">= 0.95",
    "mixed arrivals: engine / one by one": ">= 1.5",
    "saturated: efficiency": ">= 0.93",
    "short behind long, equal size, x solo": "<= 1.5",
    "short behind long, large, x solo": "<= 3",
    "mixed arrivals: p95 engine / one by one": "<= 1",
    "saturated: share of matmul": ">= 0.60",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="torch threads; 0 leaves torch's choice")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--model", choices=["tiny", "bundled", "both", "sd15"], default="both")
    parser.add_argument("--backend", choices=["eager", "openvino"], default="eager", help="of all sides")
    parser.add_argument("--cache", type=Path, default=cache_folder(), help="folder of the model of sd15")
    parser.add_argument("--chart", type=Path, default=RESULTS / "engine.png", help="where the chart goes")
    options = parser.parse_args()
    keep_freed_memory()  # as the worker does; plain diffusers gains by it too
    shorten_switch_interval()  # likewise
    if options.threads:
        torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        chosen = []
        if options.model in {"tiny", "both"}:
            chosen.append(workloads.tiny(Path(folder), options.device, options.backend))
        if options.model in {"bundled", "both"}:
            chosen.append(workloads.bundled(Path(folder), options.device, options.backend))
        if options.model == "sd15":
            chosen.append(workloads.sd15(Path(folder), options.device, options.cache, options.backend))
        results = {work.name: measure(work, options.rounds) for work in chosen}
    for name, result in results.items():
        print_table(name, result)
    print(f"\npeak memory of this process, MiB {peak_mib():>29.0f}")
    machine = {"threads": torch.get_num_threads(), "load": os.getloadavg()[0], "peak_mib": peak_mib()}
    print(json.dumps({"machine": machine, "rounds": options.rounds, "results": results}))
    engine_chart(results, options.chart)


Figures = dict[str, float]


def measure(work: Workload, rounds: int) -> Figures:
    """The median of every figure over the rounds, after one round that does not count."""
    taken = [one_round(work, 1000 * number) for number in range(rounds + 1)][1:]
    return {figure: round(value, 4) for figure, value in typical(taken).items()}


def typical(taken: Sequence[Figures]) -> Figures:
    return {figure: statistics.median(each[figure] for each in taken) for figure in taken[0]}


def one_round(work: Workload, seed: int) -> Figures:
    sizes = best_sizes(work)
    return {
        **equal(work, work.equal(seed)),
        **mixed(work, work.mixed(seed + 500, work.amounts.mixed)),
        **saturated(work, work.mixed(seed + 700, work.amounts.saturating), sizes),
        **behind(work),
        **single(work, seed),
    }


def equal(work: Workload, requests: list[DrawRequest]) -> Figures:
    """What a static batch could draw, by the engine, by that batch, and one by one."""
    one_by_one = runs.plain(work, requests)[-1]

    def pair() -> Figures:
        static, static_cpu = runs.static_batch(work, requests)
        engine, engine_cpu, _ = runs.engine_latencies(work, requests)
        return {
            "equal: one by one, images/s": len(requests) / one_by_one,
            "equal: static batch, images/s": len(requests) / static,
            "equal: engine, images/s": len(requests) / engine,
            "equal: engine / one by one": one_by_one / engine,
            "equal: engine / static batch": static / engine,
            "equal: engine / static batch, CPU seconds": static_cpu / engine_cpu,
        }

    return typical([pair() for _ in range(work.amounts.pairs)])


def mixed(work: Workload, requests: list[DrawRequest]) -> Figures:
    """Unlike requests that arrive over time, a little faster than the engine can draw: throughput is compared."""
    at_once, at_once_cpu, _ = runs.engine_latencies(work, requests)
    _, plain_cpu = runs.timed(lambda: runs.plain(work, requests))
    gap = 0.8 * at_once / len(requests)
    plain_latencies = runs.plain(work, requests, gap)
    arrivals, _, latencies = runs.engine_latencies(work, requests, gap)
    plain_wall = gap * (len(requests) - 1) + plain_latencies[-1]
    return {
        "mixed arrivals: one by one, images/s": len(requests) / plain_wall,
        "mixed arrivals: engine, images/s": len(requests) / arrivals,
        "mixed arrivals: engine / one by one": plain_wall / arrivals,
        "mixed arrivals: p50 one by one, s": percentile(plain_latencies, 50),
        "mixed arrivals: p50 engine, s": percentile(latencies, 50),
        "mixed arrivals: p95 one by one, s": percentile(plain_latencies, 95),
        "mixed arrivals: p95 engine, s": percentile(latencies, 95),
        "mixed arrivals: p95 engine / one by one": percentile(latencies, 95) / percentile(plain_latencies, 95),
        "mixed at once: engine, images/s": len(requests) / at_once,
        "mixed at once: engine / one by one, CPU seconds": plain_cpu / at_once_cpu,
    }


def saturated(work: Workload, requests: list[DrawRequest], sizes: tuple[Bare, Bare]) -> Figures:
    """The ideal is run as well: every row through the bare modules, in batches of the sizes best for them.

    Before the engine's turn and after it, because the machine is not the same from one minute to the next; so with the
    product of matrices that the models' arithmetic is compared with.
    """
    device = work.models.device
    matmul_before = matmul_flops(device)
    before, before_cpu = ideal(requests, *sizes)
    engine, engine_cpu, _ = runs.engine_latencies(work, requests)
    after, after_cpu = ideal(requests, *sizes)
    matmul = (matmul_before + matmul_flops(device)) / 2
    one = bare(work, 1)
    flops = rows_of(requests) * flops_of(one.denoise) + len(requests) * flops_of(one.decode)
    return {
        "saturated: engine, images/s": len(requests) / engine,
        "saturated: ideal, images/s": 2 * len(requests) / (before + after),
        "saturated: efficiency": (before + after) / 2 / engine,
        "saturated: efficiency, CPU seconds": (before_cpu + after_cpu) / 2 / engine_cpu,
        "saturated: the models' GFLOP/s": flops / engine / 1e9,
        "matmul in float32, GFLOP/s": matmul / 1e9,
        "saturated: share of matmul": flops / engine / matmul,
        "saturated: share of matmul, ideal": 2 * flops / (before + after) / matmul,
    }


def ideal(requests: list[DrawRequest], denoiser: Bare, decoder: Bare) -> tuple[float, float]:
    """Seconds and CPU seconds of the requests' rows in the bare denoiser and of their pictures in the bare decoder."""
    rows = rows_of(requests)
    step, step_cpu = runs.seconds_per_row(denoiser.denoise, denoiser.rows, rows)
    decode, decode_cpu = runs.seconds_per_row(decoder.decode, decoder.rows, len(requests))
    return rows * step + len(requests) * decode, rows * step_cpu + len(requests) * decode_cpu


def rows_of(requests: list[DrawRequest]) -> int:
    """The rows of all steps in the denoiser; guidance takes a second one."""
    return sum(request.steps * (2 if told(request).guidance_scale > 1 else 1) for request in requests)


def best_sizes(work: Workload) -> tuple[Bare, Bare]:
    """The number of rows at which the denoiser, and the one at which the decoder, takes the least time a row."""
    sizes = [bare(work, rows) for rows in work.amounts.rows]
    return fastest(sizes, lambda each: each.denoise), fastest(sizes, lambda each: each.decode)


def fastest(sizes: Sequence[Bare], forward: Callable[[Bare], Callable[[], Any]]) -> Bare:
    """The sizes are tried in turn, several times; the median of each counts."""
    tries = [[runs.seconds_per_row(forward(each), each.rows)[0] for each in sizes] for _ in range(TRIES)]
    medians = [statistics.median(times) for times in zip(*tries, strict=True)]
    return sizes[medians.index(min(medians))]


def behind(work: Workload) -> Figures:
    """A short request's time behind a long one, over its time alone."""
    shares = [
        statistics.median(late / alone for alone, late in runs.short_behind_long(work, side, work.amounts.pairs))
        for side in (told(work.usual).width, work.large_side)
    ]
    return {"short behind long, equal size, x solo": shares[0], "short behind long, large, x solo": shares[1]}


def peak_mib() -> float:
    if torch.cuda.is_available():
        return torch.cuda.memory_reserved() / 2**20  # what was needed at the most: the allocator gives nothing back
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def print_table(name: str, result: Figures) -> None:
    print(f"\n{name}")
    for figure, value in result.items():
        aim = f"  (aim {AIMS[figure]})" if figure in AIMS else ""
        print(f"  {figure:<48} {value:>9.3f}{aim}")


if __name__ == "__main__":
    main()
